"""A fitted LightGBM forecaster as a graph, to stand beside networks in an ensemble."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.ensemble.tree_layers import Trees
from tsforecast.models.forecaster import Forecaster, anchor_forecast
from tsforecast.models.lightgbm import LightGBM
from tsforecast.models.task import Task

Tables = dict[str, np.ndarray]


@keras.saving.register_keras_serializable(package="tsforecast")
class BoostedTrees(Forecaster):
    """The forecasts of a ``LightGBM``, from the same features, with its trees in tables; not to be trained.

    Args:
        task: what to forecast from what.
        lags: steps back that are features, within the window.
        spans: lengths of the windows that statistics are of, within the window.
        measured: the channels that lags and means are taken of.
        sizes: ``(trees, nodes, depth)`` of each booster, as ``Trees`` takes them: for each step, target and quantile.

    Source: see ``LightGBM``.
    """

    def __init__(
        self,
        task: Task,
        lags: Sequence[int],
        spans: Sequence[int],
        measured: Sequence[int],
        sizes: Sequence[Sequence[int]],
    ):
        past = task.input_tensor()
        features = _features(past, task, lags, spans, measured)
        outputs = [Trees(*size, name=f"booster_{i}")(features) for i, size in enumerate(sizes)]
        shape: tuple[int, ...] = (task.horizon, len(task.target_indices))
        if task.quantile_levels is not None:
            shape = (*shape, len(task.quantile_levels))
        change = ops.reshape(ops.stack(outputs, axis=-1), (-1, *shape))
        if task.quantile_levels is not None:
            change = ops.sort(change, axis=-1)  # as LightGBM's forecast does where quantiles cross
        options = {
            "lags": list(lags),
            "spans": list(spans),
            "measured": list(measured),
            "sizes": [list(size) for size in sizes],
        }
        super().__init__(
            task=task, past=past, forecast=anchor_forecast(change, past, task, anchor=True), options=options
        )


def as_network(fitted: LightGBM) -> BoostedTrees:
    """The graph of a fitted forecaster; their forecasts differ by the rounding of window means at most."""
    tables = [_tables(booster.dump_model()["tree_info"]) for booster in fitted.boosters]
    model = BoostedTrees(
        fitted.task,
        lags=fitted.lags,
        spans=fitted.spans,
        measured=fitted.measured_channels,
        sizes=[size for size, _ in tables],
    )
    for index, (_, table) in enumerate(tables):
        layer = model.get_layer(f"booster_{index}")
        for name, values in table.items():
            getattr(layer, name).assign(values)
    model.describe(**fitted.metadata)
    return model


def _features(
    past: Any, task: Task, lags: Sequence[int], spans: Sequence[int], measured: Sequence[int]
) -> Any:
    """What ``LightGBM.features`` makes of rows, ``[B, F]`` from ``[B, L, C]``, in its order."""
    channels = ops.take(past, list(measured), axis=-1)
    columns = [past[:, -1]] + [channels[:, -1 - lag] for lag in lags]
    for span in spans:
        columns.append(ops.mean(channels[:, -span:], axis=1))
        for index in task.target_indices:
            known = past[:, -span:, index]
            columns += [pick(known, axis=1)[:, None] for pick in (ops.min, ops.max, ops.std)]
    return ops.concatenate(columns, axis=-1)


def _tables(trees: Sequence[dict[str, Any]]) -> tuple[tuple[int, int, int], Tables]:
    """The nodes of trees in the order in which a walk meets them, padded to the largest tree."""
    walked = [list(_walk(tree["tree_structure"])) for tree in trees]
    nodes = max(len(tree) for tree in walked)
    depth = max(node["depth"] for tree in walked for node in tree)
    size = len(trees) * nodes
    tables = {name: np.zeros(size, np.int32) for name in ("feature", "left", "right")}
    tables |= {name: np.zeros(size, np.float32) for name in ("threshold", "value")}
    for index, tree in enumerate(walked):
        for place, node in enumerate(tree):
            at = index * nodes + place
            for name in tables:
                tables[name][at] = node[name]
            for name in ("left", "right"):
                tables[name][at] += index * nodes
    return (len(trees), nodes, depth), tables


def _walk(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node with its place among those of the tree, parents before children."""
    waiting, places = [(root, 0)], 1
    place = 0
    while place < len(waiting):
        node, depth = waiting[place]
        found = {"feature": 0, "threshold": 0.0, "value": 0.0, "left": place, "right": place, "depth": depth}
        if "leaf_value" in node:
            found["value"] = node["leaf_value"]
        else:
            found |= {"feature": node["split_feature"], "threshold": _not_above(node["threshold"])}
            found |= {"left": places, "right": places + 1}
            waiting += [(node["left_child"], depth + 1), (node["right_child"], depth + 1)]
            places += 2
        yield found
        place += 1


def _not_above(threshold: float) -> float:
    """The largest float32 that is not above a threshold: every float32 falls on the same side of both."""
    rounded = np.float32(threshold)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded if float(rounded) <= threshold else below)
