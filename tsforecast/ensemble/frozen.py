"""Fitted estimators as networks, so that they can be members of an ensemble."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import keras

from tsforecast.ensemble.trees import from_lightgbm
from tsforecast.errors import UserError
from tsforecast.models.estimator import Estimator
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.io import build_estimator
from tsforecast.models.lightgbm import LightGBM
from tsforecast.models.task import Task
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model


def as_network(model: "Model") -> Forecaster:
    """Return a model as a network: LightGBM's trees become a graph, other estimators are called; networks stay."""
    if isinstance(model, LightGBM):
        return from_lightgbm(model)
    return (
        FrozenEstimator.from_estimator(model) if isinstance(model, Estimator) else cast("Forecaster", model)
    )


@keras.saving.register_keras_serializable(package="tsforecast")
class FrozenEstimator(Forecaster):
    """A network whose only layer calls an estimator, such as a foundation model; it cannot be trained or exported.

    Args:
        task: Inputs and outputs of the model.
        record: The estimator, as ``Estimator.to_record`` returns it.

    Raises:
        UserError: Keras runs on another backend than TensorFlow.
    """

    def __init__(self, task: Task, record: dict[str, Any]):
        if keras.config.backend() != "tensorflow":
            raise UserError(f"{record['kind']} can be a member of an ensemble with backend=tensorflow only.")
        past = task.input_tensor()
        estimator = build_estimator(record, Path("the ensemble"))
        super().__init__(
            task=task,
            past=past,
            forecast=EstimatorCall(estimator, name="estimator")(past),
            options={"record": record},
        )

    @classmethod
    def from_estimator(cls, model: Estimator) -> "FrozenEstimator":
        """Return the network of a fitted estimator."""
        network = cls(model.task, model.to_record())
        network.describe(**model.metadata)
        return network


class EstimatorCall(keras.layers.Layer):
    """The forecasts of an estimator, computed outside of the graph.

    Args:
        estimator: A fitted model.
        name: Name of the layer.

    Call arguments: scaled windows float32 ``[B, L, C]``.
    Returns: float32 ``[B, H, T(, Q)]``.
    """

    def __init__(self, estimator: Estimator, name: str):
        super().__init__(name=name, dtype="float32", trainable=False)
        self.estimator = estimator
        self.supports_jit = False

    def call(self, past: Tensor) -> Tensor:
        """Return the forecasts."""
        import tensorflow as tf

        values = tf.numpy_function(lambda rows: self.estimator.run(rows)["forecast"], [past], tf.float32)
        values.set_shape(self.compute_output_shape(past.shape))
        return values

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the forecasts."""
        task = self.estimator.task
        tail = () if task.quantile_levels is None else (len(task.quantile_levels),)
        return (input_shape[0], task.horizon, len(task.target_indices), *tail)

    def compute_output_spec(self, past: Tensor) -> Tensor:
        """Return the symbolic forecasts, without a call."""
        return keras.KerasTensor(self.compute_output_shape(past.shape), "float32")
