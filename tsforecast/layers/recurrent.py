"""LSTM, GRU and Bidirectional with Keras' weights, config and results, on the fastest path available."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from tsforecast.layers.overlap import Rows
from tsforecast.layers.portable import is_portable
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.layers.kernels import recurrent_tensorflow as kernels

# A separate registry package: the models LSTM and GRU are registered too, and their names would collide.
_REGISTER = keras.saving.register_keras_serializable(package="tsforecast.layers")
_XLA_CPU, _CUDNN, _KERAS = "xla-cpu", "cudnn", "keras"


class _FastRecurrent(keras.layers.Layer):
    """Chooses between our CPU kernels and Keras' own implementation of a recurrent layer."""

    _configured_policy: keras.DTypePolicy | None = None  # where the layer computes in another one

    @property
    def path(self) -> str:
        """The path of calls: ``xla-cpu`` (our kernels), ``cudnn`` (Keras' with cuDNN) or ``keras`` (Keras' loop).

        A call with a mask always takes Keras' loop on a CPU.
        """
        if self.path_reason():
            return _KERAS
        return _CUDNN if _on_gpu() else _XLA_CPU

    def path_reason(self) -> str:
        """Return why the layer takes Keras' loop, for example ``recurrent_dropout is 0.1``; empty on a fast path."""
        backend = keras.config.backend()
        if backend != "tensorflow" and not _on_gpu():
            return f"the backend is {backend}, on a CPU"
        if backend == "jax" and isinstance(self, keras.layers.GRU):
            return "the backend is jax, whose GRU has no cuDNN"
        for name, common in self._fast_settings().items():
            value = getattr(self, name)
            if value != common:
                return f"{name} is {getattr(value, '__name__', value)}"
        if _on_gpu():
            return self._gpu_reason()
        if self.use_cudnn is True:
            return "use_cudnn is True"
        if self.dropout and self.cell.implementation != 2:
            return f"dropout with implementation {self.cell.implementation}"
        return ""

    def _fast_settings(self) -> dict[str, Any]:
        """Return the settings that all fast paths require."""
        return {
            "activation": keras.activations.tanh,
            "recurrent_activation": keras.activations.sigmoid,
            "recurrent_dropout": 0.0,
            "unroll": False,
            "stateful": False,
        }

    def _gpu_reason(self) -> str:
        if not self.use_bias:
            return "use_bias is False"
        return "use_cudnn is False" if self.use_cudnn is False else ""

    def build(self, sequences_shape: tuple[int | None, ...], initial_state_shape: Any = None) -> None:
        """Build the layer; JAX has cuDNN's LSTM in float32 only, so that the layer then computes in it."""
        if keras.config.backend() == "jax" and self.compute_dtype != "float32" and self.path == _CUDNN:
            self._configured_policy = keras.DTypePolicy(self.dtype_policy.name)
            layers: list[Any] = [self, self.cell]
            for layer in layers:
                layer.dtype_policy = keras.DTypePolicy("float32")
        super().build(sequences_shape, initial_state_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the config, with the dtype policy that the layer was created with."""
        config: dict[str, Any] = super().get_config()
        if self._configured_policy is not None:
            config["dtype"] = keras.dtype_policies.serialize(self._configured_policy)
        return config

    def inner_loop(
        self, sequences: Tensor, initial_state: Sequence[Tensor], mask: Tensor, training: bool = False
    ):
        """Run over all steps; called by ``keras.layers.RNN.call``."""
        # Other backends trace their calls, in which no device can be looked up.
        if (
            keras.config.backend() != "tensorflow"
            or self.path != _XLA_CPU
            or (mask is not None and any(m is not None for m in keras.tree.flatten(mask)))
        ):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        if training and self.dropout:
            # One mask for all steps, as in Keras.
            sequences *= keras.ops.expand_dims(self.cell.get_dropout_mask(sequences[:, 0, :]), 1)
        if self.go_backwards:
            sequences = keras.ops.flip(sequences, axis=1)
        return self._run_kernel(sequences, initial_state, bool(training))

    @property
    def reads_rows(self) -> bool:
        """Whether ``read_rows`` gives what a call on the windows does."""
        return (
            self.path == _XLA_CPU
            and self.compute_dtype == "float32"
            and not self.go_backwards
            and not self.return_state
        )

    def _weights(self, bias_shape: tuple[int, ...]) -> "kernels.Weights":
        from tsforecast.layers.kernels import recurrent_tensorflow as kernels

        cell, convert = self.cell, keras.ops.convert_to_tensor
        kernel, recurrent = convert(cell.kernel), convert(cell.recurrent_kernel)
        bias = convert(cell.bias) if cell.use_bias else keras.ops.zeros(bias_shape, kernel.dtype)
        return kernels.Weights(kernel, recurrent, bias)


@_REGISTER
class LSTM(_FastRecurrent, keras.layers.LSTM):
    """``keras.layers.LSTM`` with compiled kernels of our own on a CPU with TensorFlow.

    Weights, config, results and gradients are those of Keras' layer (in half precision the state is carried
    in float32, which is finer): a checkpoint of one loads in the other. On a GPU it is Keras' layer with
    cuDNN. Masks, recurrent dropout, other activations, unrolling, stateful use and other backends take Keras'
    own loop. Second derivatives are not defined on the CPU path.

    The arguments are those of ``keras.layers.LSTM``.

    Call arguments:
        sequences: Inputs ``[B, T, I]``, of any batch size and length.
        initial_state: Output and carry state to start from, both ``[B, H]``; zeros by default.
        mask: True where a step counts, ``[B, T]``.
        training: Whether dropout is on.

    Returns:
        ``[B, H]``, or ``[B, T, H]`` with ``return_sequences``, in the compute dtype; with ``return_state`` a tuple
        of it and both last states.

    Example:
        >>> layer = LSTM(8, return_sequences=True)
        >>> layer(keras.ops.zeros((2, 10, 3))).shape
        TensorShape([2, 10, 8])
    """

    def _run_kernel(self, sequences: Tensor, initial_state: Sequence[Tensor], training: bool):
        from tsforecast.layers.kernels import recurrent_tensorflow as kernels

        weights = self._weights((4 * self.units,))
        last, sequence, carry = kernels.lstm(
            sequences,
            initial_state[0],
            initial_state[1],
            weights,
            return_sequences=self.return_sequences,
            training=training,
        )
        return last, last if sequence is None else sequence, [last, carry]

    def read_rows(self, rows: Rows) -> Tensor:
        """Return the output for windows that overlap, whose input projection is computed once per row."""
        from tsforecast.layers.kernels import recurrent_tensorflow as kernels

        return kernels.lstm_on_rows(rows, self._weights((4 * self.units,)), self.return_sequences)


@_REGISTER
class GRU(_FastRecurrent, keras.layers.GRU):
    """``keras.layers.GRU`` with compiled kernels of our own on a CPU with TensorFlow.

    Like ``LSTM`` above; ``reset_after=False`` takes Keras' own loop too.

    The arguments are those of ``keras.layers.GRU``.

    Call arguments:
        sequences: Inputs ``[B, T, I]``, of any batch size and length.
        initial_state: State to start from, ``[B, H]``; zeros by default.
        mask: True where a step counts, ``[B, T]``.
        training: Whether dropout is on.

    Returns:
        ``[B, H]``, or ``[B, T, H]`` with ``return_sequences``, in the compute dtype; with ``return_state`` a tuple
        of it and the last state.

    Example:
        >>> GRU(8)(keras.ops.zeros((2, 10, 3))).shape
        TensorShape([2, 8])
    """

    def _fast_settings(self) -> dict[str, Any]:
        return {**super()._fast_settings(), "reset_after": True}

    def _run_kernel(self, sequences: Tensor, initial_state: Sequence[Tensor], training: bool):
        from tsforecast.layers.kernels import recurrent_tensorflow as kernels

        weights = self._weights((2, 3 * self.units))
        last, sequence = kernels.gru(
            sequences, initial_state[0], weights, return_sequences=self.return_sequences, training=training
        )
        return last, last if sequence is None else sequence, [last]

    def read_rows(self, rows: Rows) -> Tensor:
        """Return the output for windows that overlap, whose input projection is computed once per row."""
        from tsforecast.layers.kernels import recurrent_tensorflow as kernels

        return kernels.gru_on_rows(rows, self._weights((2, 3 * self.units)), self.return_sequences)


@_REGISTER
class Bidirectional(keras.layers.Bidirectional):
    """``keras.layers.Bidirectional`` that reports the path of its two layers.

    The arguments are those of ``keras.layers.Bidirectional``; it is fast with an ``LSTM`` or ``GRU`` of this module.

    Example:
        >>> Bidirectional(LSTM(8))(keras.ops.zeros((2, 10, 3))).shape
        TensorShape([2, 16])
    """

    @property
    def path(self) -> str:
        """The path of both directions, which share their settings; ``keras`` for a layer of Keras' own."""
        return getattr(self.forward_layer, "path", _KERAS)

    def path_reason(self) -> str:
        """Return why the two directions take Keras' loop; empty on a fast path."""
        reason = getattr(self.forward_layer, "path_reason", None)
        return reason() if reason else f"it wraps Keras' own {type(self.forward_layer).__name__}"


def recurrent_paths(model: keras.Model) -> dict[str, str]:
    """Return the path of each recurrent layer of a model.

    Args:
        model: Any Keras model.

    Returns:
        Layer name -> ``xla-cpu``, ``cudnn`` or ``keras: REASON``, in the order of the model's layers. The two
        layers inside a ``Bidirectional`` have an entry each.
    """
    paths = {}
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, _FastRecurrent):
            reason = layer.path_reason()
            paths[layer.name] = f"{layer.path}: {reason}" if reason else layer.path
        elif isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
            paths[layer.name] = f"{_KERAS}: it is Keras' own {type(layer).__name__}"
    return paths


def _on_gpu() -> bool:
    if keras.config.backend() != "tensorflow":
        # Where a tensor lands by default is cuda:0 on JAX and on PyTorch alike.
        return "cuda" in str(keras.ops.zeros(()).device)
    from tsforecast.layers.kernels import recurrent_tensorflow as kernels

    return kernels.on_gpu() and not is_portable()
