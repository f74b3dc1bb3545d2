"""A fitted LightGBM forecaster as a graph, so that it can be a member of an ensemble."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.ensemble.tree_layers import Trees
from tsforecast.models.forecaster import Forecaster, anchor_forecast
from tsforecast.models.lightgbm import LightGBM
from tsforecast.models.task import Task
from tsforecast.typing import Tensor

Tables = dict[str, np.ndarray]
Size = tuple[int, ...]  # trees, nodes, depth and, with categories, groups and codes


@keras.saving.register_keras_serializable(package="tsforecast")
class BoostedTrees(Forecaster):
    """A network with the forecasts of a ``LightGBM``: the same features and trees; it cannot be trained.

    Args:
        task: Inputs and outputs of the model.
        lags: Steps back that are features, within the window.
        spans: Lengths of the windows whose statistics are features, within the window.
        measured: Channels of the means, and of the lags together with codes of categories.
        sizes: ``(trees, nodes, depth)`` of each booster, followed by ``(groups, codes)`` with categories, as ``Trees``
            takes them: for each step, target and quantile.
        spike_sizes: The same of the classifiers of spikes, for each step and target; empty without them.

    Source: See ``LightGBM``.
    """

    def __init__(
        self,
        task: Task,
        lags: Sequence[int],
        spans: Sequence[int],
        measured: Sequence[int],
        sizes: Sequence[Sequence[int]],
        spike_sizes: Sequence[Sequence[int]] = (),
    ):
        past = task.input_tensor()
        features = _build_features(past, task, lags, spans, measured)
        outputs = [Trees(*size, name=f"booster_{i}")(features) for i, size in enumerate(sizes)]
        shape: tuple[int, ...] = (task.horizon, len(task.target_indices))
        if task.quantile_levels is not None:
            shape = (*shape, len(task.quantile_levels))
        change = ops.reshape(ops.stack(outputs, axis=-1), (-1, *shape))
        if task.quantile_levels is not None:
            change = ops.sort(change, axis=-1)  # like LightGBM's forecast where quantiles cross
        options = {
            "lags": list(lags),
            "spans": list(spans),
            "measured": list(measured),
            "sizes": [list(size) for size in sizes],
        }
        forecast = anchor_forecast(change, past, task, anchor=True)
        if spike_sizes:
            options["spike_sizes"] = [list(size) for size in spike_sizes]
            odds = [Trees(*size, name=f"spike_booster_{i}")(features) for i, size in enumerate(spike_sizes)]
            logits = ops.reshape(ops.stack(odds, axis=-1), (-1, task.horizon, len(task.target_indices)))
            forecast = {"forecast": forecast, "spike": logits}
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def from_lightgbm(model: LightGBM) -> BoostedTrees:
    """Return the graph of a fitted forecaster; its outputs differ at most by the rounding of window means.

    Args:
        model: A fitted forecaster.
    """
    boosters = {f"booster_{index}": booster for index, booster in enumerate(model.boosters)}
    boosters |= {f"spike_booster_{index}": booster for index, booster in enumerate(model.spike_boosters)}
    tabulated = {name: _tabulate(booster.dump_model()["tree_info"]) for name, booster in boosters.items()}
    sizes = [size for size, _ in tabulated.values()]
    network = BoostedTrees(
        model.task,
        lags=model.lags,
        spans=model.spans,
        measured=model.measured_channels,
        sizes=sizes[: len(model.boosters)],
        spike_sizes=sizes[len(model.boosters) :],
    )
    for booster, (_, tables) in tabulated.items():
        layer = network.get_layer(booster)
        for name, values in tables.items():
            getattr(layer, name).assign(values)
    network.describe(**model.metadata)
    return network


def _build_features(
    past: Tensor, task: Task, lags: Sequence[int], spans: Sequence[int], measured: Sequence[int]
) -> Tensor:
    """Return the features ``[B, F]`` of windows ``[B, L, C]``, in the order of ``LightGBM.features``."""
    channels = ops.take(past, list(measured), axis=-1)
    lagged = (
        ops.take(past, [*measured, *task.category_channels], axis=-1) if task.category_counts else channels
    )
    columns = [past[:, -1]] + [lagged[:, -1 - lag] for lag in lags]
    for span in spans:
        columns.append(ops.mean(channels[:, -span:], axis=1))
        for index in task.target_indices:
            target = past[:, -span:, index]
            columns += [statistic(target, axis=1)[:, None] for statistic in (ops.min, ops.max, ops.std)]
    return ops.concatenate(columns, axis=-1)


def _tabulate(trees: Sequence[Mapping[str, Any]]) -> tuple[Size, Tables]:
    """Return the nodes of trees as tables: each tree breadth first, padded to the largest tree."""
    node_lists = [list(_walk(tree["tree_structure"])) for tree in trees]
    nodes = max(len(node_list) for node_list in node_lists)
    depth = max(node["depth"] for node_list in node_lists for node in node_list)
    size = len(trees) * nodes
    tables = {name: np.zeros(size, np.int32) for name in ("feature", "left", "right")}
    tables |= {name: np.zeros(size, np.float32) for name in ("threshold", "value")}
    for tree, node_list in enumerate(node_lists):
        for number, node in enumerate(node_list):
            row = tree * nodes + number
            for name, table in tables.items():
                table[row] = node[name]
            for name in ("left", "right"):
                tables[name][row] += tree * nodes
    groups = _tabulate_groups(node_lists, nodes)
    if groups is None:
        return (len(trees), nodes, depth), tables
    (count, codes), group_tables = groups
    return (len(trees), nodes, depth, count, codes), tables | group_tables


def _tabulate_groups(
    node_lists: Sequence[Sequence[Mapping[str, Any]]], nodes: int
) -> tuple[tuple[int, int], Tables] | None:
    """Return the sets of categories that nodes test: their number and width, and tables; None if there are none."""
    numbers: dict[tuple[int, ...], int] = {(): 0}
    for node_list in node_lists:
        for node in node_list:
            numbers.setdefault(node["codes"], len(numbers))
    if len(numbers) == 1:
        return None
    width = max(max(codes, default=0) for codes in numbers) + 2  # the last code is in no set
    group, members = np.zeros(len(node_lists) * nodes, np.int32), np.zeros(len(numbers) * width, np.float32)
    for codes, number in numbers.items():
        members[number * width + np.array(codes, int)] = 1.0
    for tree, node_list in enumerate(node_lists):
        first = tree * nodes
        group[first : first + len(node_list)] = [numbers[node["codes"]] for node in node_list]
    return (len(numbers), width), {"group": group, "members": members}


def _walk(root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every node of a tree breadth first, with the numbers of its children; a leaf is its own child."""
    queue, count = [(root, 0)], 1
    number = 0
    while number < len(queue):
        source, depth = queue[number]
        node = {"feature": 0, "threshold": 0.0, "value": 0.0, "codes": ()}
        node |= {"left": number, "right": number, "depth": depth}
        if "leaf_value" in source:
            node["value"] = source["leaf_value"]
        else:
            node |= {"feature": source["split_feature"], **_condition(source)}
            node |= {"left": count, "right": count + 1}
            queue += [(source["left_child"], depth + 1), (source["right_child"], depth + 1)]
            count += 2
        yield node
        number += 1


def _condition(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the threshold of a split, or its codes of categories."""
    if source["decision_type"] == "==":
        return {"codes": tuple(int(code) for code in source["threshold"].split("||"))}
    return {"threshold": _round_down(source["threshold"])}


def _round_down(threshold: float) -> float:
    """Return the largest float32 that is not above a threshold: every float32 falls on the same side of both."""
    rounded = np.float32(threshold)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded if float(rounded) <= threshold else below)
