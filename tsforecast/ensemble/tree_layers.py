"""Gradient-boosted trees as a layer of a network."""

from typing import Any

import keras
from keras import ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class Trees(keras.layers.Layer):
    """The sum of K regression trees' leaf values.

    Node ``n`` of a tree sends a row to ``left[n]`` when ``row[feature[n]] <= threshold[n]``, else to ``right[n]``. A
    leaf points to itself, so ``depth`` steps from node 0 always end in a leaf. A node with a set of categories sends a
    row to the left if ``row[feature[n]]`` is in the set ``group[n]``.

    Args:
        trees: K, the number of trees.
        nodes: Number of nodes of the largest tree, with its leaves.
        depth: Depth of the deepest leaf.
        groups: Number of sets of categories; set 0 marks nodes with a threshold.
        codes: Number of codes of a set; a larger code is in none of them.

    Call arguments: features float32 ``[B, F]``, without NaN.
    Returns: float32 ``[B]``.
    """

    def __init__(self, trees: int, nodes: int, depth: int, groups: int = 0, codes: int = 0, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        self.trees, self.nodes, self.depth = trees, nodes, depth
        self.groups, self.codes = groups, codes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the tables, one entry per node, tree after tree."""
        shape = (self.trees * self.nodes,)
        for name in ("feature", "left", "right", *(["group"] if self.groups else [])):
            weight = self.add_weight(
                shape=shape, initializer="zeros", dtype="int32", name=name, trainable=False
            )
            setattr(self, name, weight)
        for name in ("threshold", "value"):
            setattr(self, name, self.add_weight(shape=shape, initializer="zeros", name=name, trainable=False))
        if self.groups:
            shape = (self.groups * self.codes,)
            self.members = self.add_weight(shape=shape, initializer="zeros", name="members", trainable=False)
        self.built = True

    def call(self, features: Tensor) -> Tensor:
        """Return the sum of the leaves that each row reaches."""
        # Positions in the tables run over all trees; a child is stored as such a position.
        node = ops.broadcast_to(
            ops.arange(self.trees, dtype="int32") * self.nodes, (ops.shape(features)[0], self.trees)
        )
        for _ in range(self.depth):
            value = ops.take_along_axis(features, ops.take(self.feature, node), axis=1)
            goes_left = value <= ops.take(self.threshold, node)
            if self.groups:
                goes_left = self._follow_groups(node, value, goes_left)
            node = ops.where(goes_left, ops.take(self.left, node), ops.take(self.right, node))
        return ops.sum(ops.take(self.value, node), axis=1)

    def _follow_groups(self, node: Tensor, value: Tensor, goes_left: Tensor) -> Tensor:
        group = ops.take(self.group, node)
        code = ops.clip(ops.cast(value + 0.5, "int32"), 0, self.codes - 1)
        is_member = ops.take(self.members, group * self.codes + code) > 0.5
        return ops.where(group > 0, is_member, goes_left)

    def compute_output_spec(self, features: Tensor) -> keras.KerasTensor:
        """Return the spec of ``[B]``."""
        return keras.KerasTensor(features.shape[:1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        sizes = {"trees": self.trees, "nodes": self.nodes, "depth": self.depth}
        return {**super().get_config(), **sizes, "groups": self.groups, "codes": self.codes}
