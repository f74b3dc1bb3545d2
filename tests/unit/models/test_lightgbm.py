"""LightGBM's features against a plain reading of the window, its file, and what it refuses."""

import json

import numpy as np
import pytest

pytest.importorskip("lightgbm")

from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.losses import AbsoluteError, Quantile, SpikeWeighted, SquaredError
from tsforecast.models.io import load_estimator, saved_path
from tsforecast.models.lightgbm import LightGBM
from tsforecast.models.task import Task

TASK = Task(lookback=12, channels=3, lead=2, horizon=2, target_indices=(1,))
SMALL = {"lags": (1, 4, 50), "spans": (3, 12, 50), "leaves": 7, "rounds": 30, "patience": 5, "min_leaf": 5}
CHANNELS = ["voltage", "power", "minute_of_day_sin"]


def series(rows=700, seed=0):
    rng = np.random.default_rng(seed)
    power = np.sin(np.arange(rows) / 6) + 0.1 * rng.normal(size=rows)
    return np.stack([rng.normal(size=rows), power, np.cos(np.arange(rows) / 9)], axis=1).astype("float32")


def windows(rows, first, last, task=TASK):
    truths = rows[:, list(task.target_indices)].copy()
    truths[first + 3] = np.nan
    return Windows(
        rows, truths, np.arange(first, last), task.lookback, task.lead, task.horizon, (0, len(rows))
    )


def fitted(loss=None, task=TASK, **changes):
    rows = series()
    model = LightGBM(task, **{**SMALL, **changes})
    model.describe(channels=CHANNELS, targets=["power"])
    lines = []
    model.fit(
        windows(rows, 20, 500, task),
        windows(rows, 510, 600, task),
        seed=0,
        loss=loss or SquaredError(),
        log=lines.append,
    )
    return model, windows(rows, 610, 690, task), lines


def test_features_are_read_from_the_window_alone():
    rows = series()
    model = LightGBM(TASK, **SMALL)
    model.describe(channels=CHANNELS)
    ends = np.array([40, 11, 300])
    found = model.features(windows(rows, 20, 30), ends)
    for end, features in zip(ends, found, strict=True):
        past = rows[end - 11 : end + 1].astype(float)
        expected = [*past[-1], *past[-2, :2], *past[-5, :2]]
        for span in (3, 12):
            newest = past[-span:]
            expected += [newest[:, 0].mean(), newest[:, 1].mean()]
            expected += [newest[:, 1].min(), newest[:, 1].max(), newest[:, 1].std()]
        np.testing.assert_allclose(features, expected, atol=1e-5)


def test_later_rows_change_no_feature():
    rows = series()
    changed = rows.copy()
    changed[41:] += 9
    model = LightGBM(TASK, **SMALL)
    ends = np.array([40])
    before, after = (model.features(windows(values, 20, 30), ends) for values in (rows, changed))
    np.testing.assert_array_equal(before, after)


def test_it_beats_persistence_on_a_wave_and_saves_every_digit(tmp_path):
    model, test, lines = fitted()
    forecast = model.forecast(test)
    truth = test.targets(test.ends)
    known = np.isfinite(truth)
    held = np.repeat(test.rows[test.ends][:, None, [1]], 2, axis=1)
    assert np.mean((forecast - truth)[known] ** 2) < 0.5 * np.mean((held - truth)[known] ** 2)
    assert forecast.dtype == np.float32
    assert [line.split(":")[0] for line in lines] == ["power+2", "power+3"]
    model.save(tmp_path / "best.json")
    assert saved_path(tmp_path / "best.keras") == tmp_path / "best.json"
    again = load_estimator(tmp_path / "best.json")
    np.testing.assert_array_equal(again.forecast(test), forecast)
    assert (again.task, again.metadata, again.options) == (model.task, model.metadata, model.options)
    assert again.count_params() == model.count_params() > 0


def test_the_same_seed_gives_the_same_trees():
    one, test, _ = fitted()
    two, _, _ = fitted()
    np.testing.assert_array_equal(one.forecast(test), two.forecast(test))


def test_quantiles_come_in_order():
    task = Task(**{**TASK.__dict__, "quantile_levels": (0.1, 0.5, 0.9)})
    model, test, _ = fitted(Quantile([0.1, 0.5, 0.9]), task)
    forecast = model.forecast(test)
    assert forecast.shape == (80, 2, 1, 3)
    assert (np.diff(forecast, axis=-1) >= 0).all()
    truth = test.targets(test.ends)
    inside = (truth >= forecast[..., 0]) & (truth <= forecast[..., 2])
    assert 0.4 < inside[np.isfinite(truth)].mean() <= 1


@pytest.mark.parametrize(
    ("loss", "levels"), [(SpikeWeighted(), None), (SquaredError(), (0.5,)), (Quantile([0.5]), None)]
)
def test_a_loss_that_it_cannot_learn_is_refused(loss, levels):
    with pytest.raises(UserError, match="loss=mse, mae, huber, or quantile"):
        fitted(loss, Task(**{**TASK.__dict__, "quantile_levels": levels}))


def sawtooth(rows=900):
    """A level that rises for one step in twelve, and noise: the time since the last rise says when the next comes."""
    rng = np.random.default_rng(1)
    power = np.where(np.arange(rows) % 12 == 0, 2.0, 0.0) + 0.1 * rng.normal(size=rows)
    return np.stack([rng.normal(size=rows), power], axis=1).astype("float32")


def fit_spikes(spike_head=True, task=None):
    task = task or Task(lookback=12, channels=2, lead=2, horizon=2, target_indices=(1,))
    rows = sawtooth()
    options = {**SMALL, "lags": tuple(range(1, 12))} | ({"spike_head": True} if spike_head else {})
    model = LightGBM(task, **options)
    threshold = {"threshold": [1.0], "threshold_scaled": [1.0]}
    model.describe(channels=["voltage", "power"], targets=["power"], spike=threshold)
    parts = windows(rows, 20, 600, task), windows(rows, 610, 750, task)
    lines = []
    model.fit(*parts, seed=0, loss=SquaredError(), log=lines.append)
    return model, windows(rows, 760, 890, task), lines


def test_the_spike_head_ranks_windows_and_leaves_the_forecast_alone(tmp_path):
    model, test, lines = fit_spikes()
    plain, _, _ = fit_spikes(spike_head=False)
    outputs = model.outputs(test)
    np.testing.assert_array_equal(outputs["forecast"], plain.forecast(test))
    assert list(plain.outputs(test)) == ["forecast"]
    assert (plain.options, list(plain.state())) == (plain.options | SMALL_LAGS, ["boosters"])
    truth = test.targets(test.ends)[..., 0]
    rise = truth - test.rows[test.ends][:, None, 1]
    known = np.isfinite(truth)
    probability = 1 / (1 + np.exp(-outputs["spike"][..., 0]))
    assert probability[known & (rise > 1)].min() > probability[known & (rise <= 1)].max()
    assert [line.split(":")[0] for line in lines][2:] == ["power+2 spike", "power+3 spike"]
    assert [row["layer"] for row in model.parameter_rows()][2:] == ["power+2 spike", "power+3 spike"]
    model.save(tmp_path / "best.json")
    again = load_estimator(tmp_path / "best.json")
    np.testing.assert_array_equal(again.outputs(test)["spike"], outputs["spike"])


SMALL_LAGS = {"lags": list(range(1, 12)), "leaves": 7}


def test_a_spike_head_without_a_threshold_is_refused():
    model = LightGBM(TASK, **SMALL, spike_head=True)
    for spike in (None, {"threshold": [None], "threshold_scaled": [None]}):
        model.describe(channels=CHANNELS, spike=spike)
        with pytest.raises(UserError, match="no threshold for spikes"):
            model.check(SquaredError())


def test_other_losses_fit():
    model, test, _ = fitted(AbsoluteError())
    assert np.isfinite(model.forecast(test)).all()


def test_too_many_boosters_are_refused_with_the_number():
    with pytest.raises(UserError, match=r"65 here and at most 64"):
        LightGBM(Task(**{**TASK.__dict__, "horizon": 65}))
    with pytest.raises(UserError, match="and for the spike head, 66 here and at most 64"):
        LightGBM(Task(**{**TASK.__dict__, "horizon": 33}), spike_head=True)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"kind": "os.system"}))
    with pytest.raises(UserError, match="does not contain a saved forecaster"):
        load_estimator(path)


def with_states(rows=700, seed=0):
    """A target that is the level of a state; the codes are no order of the levels."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(rng.integers(2, 8, rows // 5), 5)
    levels = np.array([0, 0, 3.0, -2.0, 1.0, -3.0, 2.0, 0.0])[codes]
    return np.stack([levels + 0.1 * rng.normal(size=rows), codes], axis=1).astype("float32")


def fit_states(task, rows):
    model = LightGBM(task, **{**SMALL, "min_leaf": 2})
    model.describe(channels=["power", "state"][: task.channels], targets=["power"])
    values = rows[:, : task.channels]
    model.fit(
        windows(values, 20, 500, task),
        windows(values, 510, 600, task),
        seed=0,
        loss=SquaredError(),
        log=print,
    )
    return model, windows(values, 610, 690, task)


STATES = Task(
    lookback=12,
    channels=3,
    lead=1,
    horizon=1,
    target_indices=(0,),
    category_of=(-1, 0, 0),
    category_counts=(8,),
)


def test_categories_are_features_of_their_own_kind(tmp_path):
    rows = with_states()
    rows = np.column_stack([rows, np.append(rows[1:, 1], 2)]).astype("float32")  # and one step ahead
    model, test = fit_states(STATES, rows)
    assert model.categorical_features == [1, 2, 4, 5, 7, 8]
    assert [model.features(test)[:, i].tolist() for i in (4, 8)] == [
        rows[test.ends - 1, 1].tolist(),
        rows[test.ends - 4, 2].tolist(),
    ]
    dumped = json.dumps(model.boosters[0].dump_model())
    assert '"decision_type": "=="' in dumped
    plain, plain_test = fit_states(
        Task(lookback=12, channels=1, lead=1, horizon=1, target_indices=(0,)), rows
    )
    truth = test.targets(test.ends)
    errors = [np.nanmean((m.forecast(t) - truth) ** 2) for m, t in ((model, test), (plain, plain_test))]
    assert errors[0] < 0.5 * errors[1]
    model.save(tmp_path / "best.json")
    again = load_estimator(tmp_path / "best.json")
    np.testing.assert_array_equal(again.forecast(test), model.forecast(test))
