import json

import numpy as np

from tests.helpers.monitoring_case import FEATURES, STEP, local, make_reference, make_rows
from tsforecast.monitoring.monitor import Reference
from tsforecast.monitoring.reference import InputReference


def test_a_reference_is_small_and_survives_json():
    reference = make_reference()
    text = json.dumps(reference.to_dict(), allow_nan=False)
    assert len(text) < 25_000
    assert json.dumps(Reference.from_dict(json.loads(text)).to_dict()) == text


def test_the_size_of_the_pieces_does_not_matter():
    seconds, values = make_rows(30)

    def fit(size):
        def pieces():
            for start in range(0, len(seconds), size):
                yield seconds[start : start + size], values[start : start + size]

        return InputReference.fit(FEATURES, STEP, pieces, int(seconds[3000]), local).to_dict()

    whole, pieces = fit(10_000), fit(77)
    whole["runs"].pop("resting"), pieces["runs"].pop("resting")  # from the first piece
    assert {name: pieces[name] for name in pieces if name != "runs"} == {
        name: whole[name] for name in whole if name != "runs"
    }


def test_a_feature_without_a_value_and_few_rows_do_no_harm():
    seconds, values = make_rows(1)
    values[:, 1] = np.nan
    reference = InputReference.fit(FEATURES, STEP, lambda: [(seconds, values)], int(seconds[-1]), local)
    json.dumps(reference.to_dict(), allow_nan=False)
