"""A dataset with a context, and the metadata of a model of it."""

import numpy as np

from tests.helpers.series_factory import make_series
from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK, make_task
from tsforecast.config.groups import choice
from tsforecast.context.options import ContextOptions
from tsforecast.data.dataset import build_dataset
from tsforecast.inference.metadata import ModelMetadata, describe_data


def context_options(name, **changes):
    """Return the options of ``conf/context/NAME.yaml`` with changes."""
    return ContextOptions(**choice("context", name) | changes)


def context_dataset(values, kind, **changes):
    """Return the dataset of load and pressure ``[N, 2]``, one minute apart."""
    options = context_options(kind, channels=["load", "pressure"], spans=["4min", "25min"])
    return build_dataset(
        make_series(values=values, features=("load", "pressure")),
        lookback=LOOKBACK,
        lead=LEAD,
        horizon=HORIZON,
        stride=1,
        context=options,
        **{"split": {"train": 0.5, "val": 0.25, "test": 0.25}} | changes,
    )


def context_metadata(dataset):
    """Return the metadata of a model of this dataset."""
    return ModelMetadata.from_task(make_task(channels=len(dataset.channels)), describe_data(dataset))


def draw_values(rows, seed=0):
    """Return load and pressure, with single values missing but in the first and last rows."""
    values = np.random.default_rng(seed).normal(size=(rows, 2))
    values[5 : rows - 5 : 7, 1] = np.nan
    return values
