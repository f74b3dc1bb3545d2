import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.itransformer import ITransformer
from tsforecast.models.task import Task

SMALL = {"d_model": 8, "heads": 2, "layers": 1, "d_ff": 8}


def test_series_attend_to_each_other_and_share_all_weights():
    task = Task(lookback=24, channels=3, lead=1, horizon=2, target_indices=(0, 1, 2))
    model, past = ITransformer(task, **SMALL), batch(task)[0]
    before = np.asarray(model(past))
    np.testing.assert_allclose(model(past[..., ::-1]), before[..., ::-1], atol=1e-5)
    changed = past.copy()
    changed[..., 2] = past[:, ::-1, 2]
    assert np.abs(np.asarray(model(changed)) - before)[..., 0].max() > 1e-5


def test_the_papers_widths_give_its_number_of_parameters():
    # ETTh1 at horizon 96: 256 wide, two blocks, lookback 96; counted by hand.
    task = Task(lookback=96, channels=7, lead=1, horizon=96, target_indices=tuple(range(7)))
    block = 4 * (256 * 256 + 256) + 2 * (256 * 256 + 256) + 2 * 2 * 256
    assert ITransformer(task).count_params() == 97 * 256 + 2 * block + 2 * 256 + 257 * 96


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="d_model=9"):
        ITransformer(TASKS["one step"], d_model=9, heads=2)
