"""Gradient-boosted trees as a layer, so that they can stand in a graph beside networks."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tsforecast")
class Trees(keras.layers.Layer):
    """The sum of K regression trees' leaf values.

    Node ``n`` of a tree sends a row to ``left[n]`` when ``row[feature[n]] <= threshold[n]``, else to ``right[n]``. A
    leaf points to itself, so that ``depth`` steps from node 0 end in one, however deep it lies.

    Args:
        trees: K.
        nodes: N, of the largest tree, leaves counted.
        depth: of the deepest leaf.

    Call arguments: features float32 ``[B, F]``, without NaN.
    Returns: float32 ``[B]``.
    """

    def __init__(self, trees: int, nodes: int, depth: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        self.trees, self.nodes, self.depth = trees, nodes, depth

    def build(self, input_shape: Any) -> None:
        """The tables, one entry a node, tree after tree."""
        shape = (self.trees * self.nodes,)
        for name in ("feature", "left", "right"):
            weight = self.add_weight(
                shape=shape, initializer="zeros", dtype="int32", name=name, trainable=False
            )
            setattr(self, name, weight)
        for name in ("threshold", "value"):
            setattr(self, name, self.add_weight(shape=shape, initializer="zeros", name=name, trainable=False))
        self.built = True

    def call(self, features: Any) -> Any:
        """See the class."""
        # Positions in the tables run over all trees; a child is stored as such a position.
        at = ops.broadcast_to(
            ops.arange(self.trees, dtype="int32") * self.nodes, (ops.shape(features)[0], self.trees)
        )
        for _ in range(self.depth):
            value = ops.take_along_axis(features, ops.take(self.feature, at), axis=1)
            goes_left = value <= ops.take(self.threshold, at)
            at = ops.where(goes_left, ops.take(self.left, at), ops.take(self.right, at))
        return ops.sum(ops.take(self.value, at), axis=1)

    def compute_output_spec(self, features: Any) -> keras.KerasTensor:
        """``[B]``."""
        return keras.KerasTensor(features.shape[:1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "trees": self.trees, "nodes": self.nodes, "depth": self.depth}
