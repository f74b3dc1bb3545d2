"""A small forecaster with its metadata, a registry that holds it, and rows to forecast from."""

import numpy as np

from tsforecast.models.task import Task
from tsforecast.registry import Registry

CHANNELS = ["load", "pressure", "minute_of_day_sin", "minute_of_day_cos"]
LOOKBACK, LEAD, HORIZON = 8, 3, 2
START = np.datetime64("2024-01-01T00:00:00", "s")


def make_task(**changes):
    fields = {
        "lookback": LOOKBACK,
        "channels": len(CHANNELS),
        "lead": LEAD,
        "horizon": HORIZON,
        "target_indices": (0,),
    }
    return Task(**{**fields, **changes})


def make_metadata(**changes):
    metadata = {
        "channels": CHANNELS,
        "targets": ["load"],
        "unit": "kW",
        "step_seconds": 60,
        "scaler": {"mean": [2.0, 1.0, 0.0, 0.0], "scale": [0.5, 2.0, 0.7, 0.7], "target_indices": [0]},
        "spike": {"threshold": [1.0], "threshold_scaled": [2.0]},
    }
    return {**metadata, **changes}


def make_model(bias=0.0, task=None, **metadata):
    """NLinear whose bias adds ``bias`` kW to each step, and nothing else than the last value."""
    from tsforecast.models.nlinear import NLinear

    model = NLinear(task or make_task())
    model.describe(**make_metadata(**metadata))
    weights = [np.zeros_like(w) for w in model.get_weights()]
    weights[-1] += bias / 0.5
    model.set_weights(weights)
    return model


LEVELS = {"north": (0.0, 1.0), "south": (100.0, 10.0)}  # shift and width of ``load``


def describe_panel(**changes):
    """Metadata of a model of many series, of which two are known."""
    rows = [(np.array([shift, 0, 0, 0.0]), np.array([width, 1, 1, 1.0])) for shift, width in LEVELS.values()]
    levels = {
        "ids": list(LEVELS),
        "shift": [shift.tolist() for shift, _ in rows],
        "width": [width.tolist() for _, width in rows],
    }
    scaler = {"mean": [0.0] * 4, "scale": [1.0] * 4, "target_indices": [0], "levels": levels}
    panel = {"has_clock": True, "static": [], "name": ""}
    return {"scaler": scaler, "panel": panel, "spike": None, **changes}


def make_panel_metadata(**changes):
    """The same as an object."""
    from tsforecast.inference.metadata import ModelMetadata

    return ModelMetadata.from_task(make_task(), make_metadata(**describe_panel(**changes)))


def make_panel_model(bias=0.0, **changes):
    """A model of many series; ``bias`` is in spreads of their levels."""
    return make_model(bias * 0.5, **describe_panel(**changes))


def make_numbered_model(bias=0.0):
    """A model of many series whose times number steps of an hour."""
    from tsforecast.reading.recipe import ReadingRecipe
    from tsforecast.times.formats import TimeFormat
    from tsforecast.times.frequency import Frequency
    from tsforecast.times.time_grid import TimeGrid

    channels, grid = ["load", "pressure"], TimeGrid(Frequency(3600))
    recipe = ReadingRecipe(TimeFormat(("hour",), "step_3600"), tuple(channels), grid, series_id=("meter",))
    scaler = {
        "mean": [0.0] * 2,
        "scale": [1.0] * 2,
        "target_indices": [0],
        "levels": {
            "ids": list(LEVELS),
            "shift": [[shift, 0.0] for shift, _ in LEVELS.values()],
            "width": [[width, 1.0] for _, width in LEVELS.values()],
        },
    }
    panel = {"has_clock": False, "static": [], "name": ""}
    return make_model(
        bias * 0.5,
        make_task(channels=2),
        channels=channels,
        step_seconds=3600,
        grid=grid.to_dict(),
        recipe=recipe.to_dict(),
        scaler=scaler,
        panel=panel,
        spike=None,
    )


def register(path, *models):
    """A registry with these models as versions; the last one is the champion."""
    registry = Registry(path / "registry")
    for number, model in enumerate(models):
        file = path / "model.keras"
        model.save(file)
        version = registry.add(
            file, config=f"seed: {number}\n", result={"model": "nlinear"}, lineage={"run": str(number)}
        )
        registry.promote(version.name, "test")
    return registry


def make_rows(count, seed=0, start=START):
    """Times a minute apart and the two measured columns."""
    rng = np.random.default_rng(seed)
    time = start + np.arange(count) * np.timedelta64(60, "s")
    return time, {"load": rng.uniform(1, 3, count), "pressure": rng.normal(size=count)}


def window_json(time, columns, end):
    """The window that ends in row ``end``, as a request brings it."""
    rows = slice(end - LOOKBACK + 1, end + 1)
    values = np.stack([columns["load"][rows], columns["pressure"][rows]], axis=1)
    return {"time": str(time[end]), "values": values.tolist()}
