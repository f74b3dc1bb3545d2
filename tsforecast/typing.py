"""Names for types that many modules share."""

from typing import Any, TypeAlias

# A tensor of whichever backend Keras runs on (TensorFlow, JAX or PyTorch), or a symbolic ``keras.KerasTensor``.
Tensor: TypeAlias = Any
