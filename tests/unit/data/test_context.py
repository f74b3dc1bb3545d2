"""What is fitted for summaries of the past."""

import numpy as np
import pytest

from tests.helpers.context_case import context_options
from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tests.unit.context.test_summaries import draw
from tsforecast.data.context import ContextChoice, fit_context
from tsforecast.data.dataset import build_dataset
from tsforecast.data.leakage import check_context
from tsforecast.errors import UserError


def options(kind="events", **changes):
    return context_options(kind, **{"spans": ["3min", "20min"]} | changes)


def fit(choice, series, train=(0, 200)):
    return fit_context(ContextChoice(choice, 2, 3), series, series.values.astype(np.float32), train)


def test_thresholds_come_from_the_training_rows_alone():
    values = draw().astype(float)
    values[:, 2] = 1.0  # constant
    series = make_series(values=values, features=("a", "b", "c"), targets=("a",))
    context = fit(options(rise=0.25), series)
    assert context.features == ("a", "b")
    assert context.thresholds == pytest.approx(tuple(0.25 * values[:200, :2].std(axis=0)))
    values[200:] *= 50
    assert (
        fit(options(rise=0.25), make_series(values=values, features=("a", "b", "c"), targets=("a",)))
        == context
    )


def test_channels_and_spans_are_those_asked_for():
    series = make_series(values=draw().astype(float), features=("a", "b", "c"), targets=("b",))
    daily = fit(options("daily"), series)
    assert (daily.features, daily.width, daily.reach, daily.spans) == (("b",), 60, 32, (3, 20))
    assert fit(options(channels="c"), series).features == ("c",)
    assert fit(options(spans=["1h", "30s", "2min"]), series).labels == ("2min", "1h")
    with pytest.raises(UserError, match=r"context.channels: 'd' is not a measured feature"):
        fit(options(channels=["a", "d"]), series)
    with pytest.raises(UserError, match=r"context.spans=\['30s'\] has no span of at least two rows"):
        fit(options(spans=["30s"]), series)
    assert fit_context(None, series, series.values, (0, 200)) is None


def test_surges_are_those_of_the_targets_over_the_lead():
    values = draw().astype(float)
    series = make_series(values=values, features=("a", "b", "c"), targets=("b",))
    surges = fit(options(around=["45min", "30s", "15min", "1s"], surge=2.0), series).recurrence
    assert (surges.features, surges.rise_rows, surges.day, surges.weeks, surges.reach) == (
        ("b",),
        2,
        1440,
        4,
        3,
    )
    assert (surges.widths, surges.labels) == ((0, 15, 45), ("30s", "15min", "45min"))
    assert surges.thresholds == pytest.approx((2.0 * values[:200, 1].std(),))
    with pytest.raises(UserError, match=r"context.channels has none that varies: add a target"):
        fit(options(around=["15min"], channels=["a", "c"]), series)
    daily = make_series(values=values, features=("a", "b", "c"), targets=("b",), step=86_400)
    with pytest.raises(
        UserError, match="surges at a time of day, but rows are 1 d apart: choose context=events"
    ):
        fit(options(around=["15min"], spans=["7d"]), daily)
    with pytest.raises(UserError, match=r"context.around: 12h before and after is a day or more: give less"):
        fit(options(around=["12h"]), series)


@pytest.mark.parametrize("kind", ["events", "daily"])
def test_summaries_of_many_series_end_at_their_borders(kind):
    """Each series has the summaries that it has alone; the check finds any that reach across."""
    dataset = panel_dataset(kind)
    context, features = dataset.scaler.context, dataset.inputs.shape[1] - len(dataset.scaler.context.names)
    inputs, past = dataset.inputs[:, :features], dataset.inputs[:, features:]
    starts = dataset.series.panel.bounds[:-1]
    for start, stop in dataset.series.panel.ranges:
        np.testing.assert_array_equal(past[start:stop], context.compute(inputs[start:stop]))
    across = context.compute(inputs)
    assert (across[starts[1] :] != past[starts[1] :]).any()
    check_context(context, inputs, past, starts)
    with pytest.raises(UserError, match="depends on later rows, or on more than"):
        check_context(context, inputs, across, np.arange(0, len(inputs), 3))


def test_thresholds_of_many_series_come_from_their_training_rows():
    dataset = panel_dataset("events")
    rows = [dataset.inputs[start:stop, 0] for start, stop in dataset.split_ranges("train")]
    expected = 0.5 * np.concatenate(rows).astype(float).std()
    assert dataset.scaler.context.thresholds == pytest.approx((expected,))


def panel_dataset(kind):
    return build_dataset(
        make_panel(),
        lookback=6,
        lead=1,
        horizon=2,
        stride=1,
        split={"train": 0.7, "val": 8, "test": 8},
        context=options(kind, spans=["3h", "12h"]),
    )
