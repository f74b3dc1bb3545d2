"""Options of the context that are refused before any data is read."""

import pytest

from tests.helpers.context_case import context_options
from tsforecast.config.value_checks import check_context, check_data, check_options
from tsforecast.config_files import choices
from tsforecast.errors import UserError


def test_every_choice_of_the_group_is_valid():
    assert choices("context") == ["daily", "events", "none", "surges"]
    for name in choices("context"):
        check_options(context_options(name), "context.")
        check_context(context_options(name))
        assert context_options(name).kind == ("events" if name == "surges" else name)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"spans": []}, r"context.spans is empty: give at least one duration, as in context.spans=\[1d,7d\]"),
        ({"spans": ["1h", "soon"]}, "context.spans is 'soon': write it as 15min"),
        ({"around": ["soon"]}, "context.around is 'soon': write it as 15min"),
        ({"weeks": 0}, "context.weeks=0 is out of range"),
        ({"kind": "weekly"}, "context.kind=weekly is not one of none, events, daily"),
        ({"rise": -1.0}, "context.rise=-1.0 is out of range"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(changes, sentence):
    def check(given):
        check_options(given, "context.")
        check_context(given)

    with pytest.raises(UserError, match=sentence):
        check(context_options("events", **changes))


@pytest.mark.parametrize("name", ["mask", "series_input"])
def test_what_every_source_may_have_is_true_or_false(name):
    check_data({name: True})
    with pytest.raises(UserError, match=f"data.{name}=maybe is not true or false"):
        check_data({name: "maybe"})
