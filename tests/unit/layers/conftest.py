"""The same start values in every run: by chance, all ReLU units of a small model can be zero."""

import keras
import pytest


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)
