import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tests.unit.context.test_summaries import DAILY, EVENTS
from tests.unit.context.test_summaries import draw as draw_rows
from tsforecast.context.summaries import Events
from tsforecast.data.calendar_features import CALENDAR, DAY_AND_WEEK, calendar
from tsforecast.data.leakage import check_context, check_future_covariates, r2_alone, r2_together
from tsforecast.data.sources import household_power
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.formats import TimeFormat

TRAIN = slice(0, 2000)


def check(columns, covariates, target, **fields):
    values = np.column_stack([*columns.values(), target])
    series = make_series(values=values, features=(*columns, "power"), targets=("power",), **fields)
    return check_future_covariates(series, covariates, TRAIN)


def draw(seed, rows=3000):
    return np.random.default_rng(seed).standard_normal(rows)


@pytest.mark.parametrize(
    "give_away",
    [
        lambda power: 3 * power + 7,
        lambda power: -power + 0.1 * draw(9),
        lambda power: np.exp(3 * power),
        lambda power: np.round(power * 8),
        lambda power: np.where(np.isnan(power), power, np.arctan(power)),
    ],
    ids=["line", "noise", "steep", "rounded", "bounded"],
)
def test_a_feature_that_gives_the_target_away_is_refused_by_name_and_warned_of_if_declared(give_away):
    power = draw(0)
    with pytest.raises(UserError, match=r"'twin' gives the target 'power' away .*R² (0\.9|1\.0)"):
        check({"twin": give_away(power)}, ["twin"], power)
    (warning,) = check({"twin": give_away(power)}, ["twin"], power, known_ahead=("twin",))
    assert warning.startswith("Warning: 'twin' gives the target 'power' away at its own time (R² ")


def test_a_feature_that_folds_over_the_target_is_refused():
    angle = draw(1)
    with pytest.raises(UserError, match="'angle' gives"):
        check({"angle": angle}, ["angle"], angle**2)


def test_a_pair_that_gives_the_target_away_by_its_product_is_refused():
    voltage, current = 230 + draw(0), np.abs(5 + draw(1))
    columns = {"voltage": 10 * voltage, "current": current, "wind": draw(2)}
    power = draw(0) * (current - current.mean()) * 10
    with pytest.raises(UserError, match="'voltage' and 'current' together give"):
        check(columns, list(columns), power)
    with pytest.raises(UserError, match="'voltage' and 'current' together give"):
        check(columns, list(columns), power, known_ahead=("voltage",))
    (warning,) = check(columns, list(columns), power, known_ahead=tuple(columns))
    assert warning.startswith("Warning: 'voltage' and 'current' together give")


def test_three_that_add_up_to_the_target_are_refused():
    columns = {name: draw(seed) for seed, name in enumerate("abc")}
    with pytest.raises(UserError, match="'a' and 'b' and 'c' together give"):
        check(columns, list("abc"), sum(columns.values()))
    (warning,) = check(columns, list("abc"), sum(columns.values()), known_ahead=tuple("abc"))
    assert "'a' and 'b' and 'c' together give" in warning


def test_only_training_rows_count():
    power = draw(0)
    twin = np.where(np.arange(3000) < 2000, draw(1), power)
    assert check({"twin": twin}, ["twin"], power, known_ahead=("twin",)) == ()


def test_a_plan_that_says_much_but_not_all_passes():
    power = draw(0)
    assert check({"plan": power + draw(1)}, ["plan"], power, known_ahead=("plan",)) == ()


def test_noise_is_not_taken_for_a_leak_on_few_rows():
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal((40, 3))
        y = np.random.default_rng(seed + 100).standard_normal(40)
        assert r2_together(x, y) < 0.7
        assert r2_alone(x[:, 0], y) < 0.7


def test_calendar_may_explain_a_wholly_seasonal_target_but_a_false_one_may_not():
    series = make_series(3000, features=("load",))
    columns = calendar(series.time)
    power = columns[:, 0].astype(float)
    check(dict(zip(CALENDAR, columns.T, strict=True)), list(CALENDAR), power, known_ahead=CALENDAR)
    with pytest.raises(UserError, match="'minute_of_day_sin' gives"):
        check({"minute_of_day_sin": draw(3)}, ["minute_of_day_sin"], draw(3), known_ahead=CALENDAR)


def test_current_gives_household_power_away():
    series = household_power.load(rows=20_000)
    with pytest.raises(UserError, match="'global_intensity' gives the target 'global_active_power' away"):
        check_future_covariates(series, ["global_intensity"], slice(0, 14_000))
    parts = ["sub_metering_1", "sub_metering_2", "sub_metering_3", "unmetered_energy"]
    with pytest.raises(UserError, match="unmetered_energy"):
        check_future_covariates(series, parts, slice(0, 14_000))
    check_future_covariates(series, DAY_AND_WEEK, slice(0, 14_000))


def with_states(levels, share_of_noise, **fields):
    """Codes of states, and a target that is the level of the state with noise."""
    rng = np.random.default_rng(0)
    codes = rng.integers(2, 2 + len(levels), 3000).astype(float)
    target = np.asarray(levels)[codes.astype(int) - 2] + share_of_noise * rng.standard_normal(3000)
    categories = {"state": tuple("abcdefgh"[: len(levels)])}
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), ("power",), categories=categories)
    codes[rng.random(3000) < 0.01] = np.nan
    return check({"state": codes}, ["state"], target, recipe=recipe, **fields)


def test_a_category_that_gives_the_target_away_is_refused_whatever_the_order_of_its_codes():
    levels = (0.0, 9.0, 1.0, 8.0, 2.0)  # neither rising nor falling
    with pytest.raises(UserError, match="'state' gives the target 'power' away"):
        with_states(levels, 0.3)
    assert "'state' gives the target" in with_states(levels, 0.3, known_ahead=("state",))[0]
    assert with_states(levels, 3.0, known_ahead=("state",)) == ()


def test_many_categories_of_few_rows_do_not_look_like_a_leak():
    rng = np.random.default_rng(0)
    codes = rng.integers(2, 1002, 3000).astype(float)
    categories = {"state": tuple(f"{i:04}" for i in range(1000))}
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), ("power",), categories=categories)
    assert check({"state": codes}, ["state"], draw(3), recipe=recipe, known_ahead=("state",)) == ()


class Peeking(Events):
    """Sees one row ahead."""

    kind = "peeking"

    def summarize(self, position, values):
        return [np.append(column[1:], column[-1]) for column in super().summarize(position, values)]


class Endless(Events):
    """Counts every switch that ever was."""

    kind = "endless"

    def summarize(self, position, values):
        columns = super().summarize(position, values)
        switches = np.cumsum(np.abs(np.diff(values, prepend=values[:1])) > 0.5)
        return [*columns[:-1], switches.astype(np.float32)]


@pytest.mark.parametrize("kind", [Peeking, Endless])
def test_a_summary_of_other_rows_is_refused(kind):
    context, rows = kind(**vars(EVENTS)), draw_rows()
    with pytest.raises(
        UserError, match=rf"context={kind.kind}: 'a@past.* depends on later rows, or on more than"
    ):
        check_context(context, rows, context.compute(rows))


@pytest.mark.parametrize("context", [EVENTS, DAILY], ids=["events", "daily"])
def test_summaries_of_the_past_pass(context):
    rows = draw_rows()
    check_context(context, rows, context.compute(rows))
