"""Writing a forecaster in each format, and running the file with the format's own runtime."""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.export.graph import INPUT, create_module
from tsforecast.inference.metadata import ModelMetadata

if TYPE_CHECKING:
    import tensorflow as tf

    from tsforecast.models.forecaster import Forecaster

Run = Callable[[np.ndarray], dict[str, np.ndarray]]
OPSET = 17  # of ONNX; runtimes from 2022 on can read it
FORMATS = ("saved_model", "onnx", "litert")


@dataclass(frozen=True)
class Variant:
    """One way to write a model.

    Args:
        name: Name in the table.
        file: Name of the file or folder.
        quantized: Whether weights are stored more coarsely, so that forecasts differ a little.
        write: Takes model, metadata and path, and writes the file.
        open: Takes the path, and returns a function from ``values`` ``[1, L, C]`` to outputs.
    """

    name: str
    file: str
    quantized: bool
    write: Callable[[Any, ModelMetadata, Path], None]
    open: Callable[[Path], Run]


def list_variants(format: str, quantize: bool) -> list[Variant]:
    """Return the ways to write a format, the plain one first.

    Args:
        format: One of ``FORMATS``.
        quantize: Whether to include quantized ones.

    Example:
        >>> [variant.file for variant in list_variants("onnx", quantize=True)]
        ['model.onnx', 'model_int8.onnx']
    """
    return [variant for variant in _VARIANTS[format] if quantize or not variant.quantized]


# --- TensorFlow ---


def _write_saved_model(model: "Forecaster", metadata: ModelMetadata, path: Path) -> None:
    _save(create_module(model, metadata, windows=None, programs=True), path)


def _save(module: "tf.Module", path: Path) -> None:
    import tensorflow as tf

    with _quiet():
        tf.saved_model.save(module, str(path), signatures={"serving_default": module.forecast})


def _open_saved_model(path: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    call = loaded.signatures["serving_default"]

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        outputs = call(**{INPUT: tf.constant(values)})
        return {name: value.numpy() for name, value in outputs.items()}

    run.model = loaded  # type: ignore[attr-defined]  # keeps its variables alive
    return run


# --- ONNX ---


def _write_onnx(model: "Forecaster", metadata: ModelMetadata, path: Path) -> None:
    import onnx
    import tf2onnx

    module = create_module(model, metadata, windows=None)
    with _quiet():
        graph, _ = tf2onnx.convert.from_function(
            module.forecast,
            module.forecast.input_signature,
            opset=OPSET,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
    onnx.save(graph, str(path))


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace ``erfc(x)``, which ONNX does not have, with ``1 - erf(x)``."""
    erf = graph.make_node("Erf", [node.input[0]], dtypes=[graph.get_dtype(node.output[0])])
    one = graph.make_const(f"{node.name}_one", np.array(1.0, np.float32))
    outputs = node.output
    graph.remove_node(node.name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, name=node.name)


def _write_onnx_int8(model: "Forecaster", metadata: ModelMetadata, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    unquantized = path.with_name(f"unquantized-{path.name}")
    _write_onnx(model, metadata, unquantized)
    try:
        with _quiet():
            quantize_dynamic(
                unquantized, path, weight_type=QuantType.QInt8, extra_options={"EnableSubgraph": True}
            )
    finally:
        unquantized.unlink(missing_ok=True)


def _open_onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    input_name, names = session.get_inputs()[0].name, [output.name for output in session.get_outputs()]
    return lambda values: dict(zip(names, session.run(None, {input_name: values}), strict=True))


# --- LiteRT ---


def _litert_writer(kind: str | None) -> Callable[[Any, ModelMetadata, Path], None]:
    def write(model: "Forecaster", metadata: ModelMetadata, path: Path) -> None:
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder, _quiet():
            # Through a SavedModel, since a function alone would lose the names of its outputs.
            _save(create_module(model, metadata, windows=1, double=False), Path(folder))
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if kind is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if kind == "float16":
                converter.target_spec.supported_types = [tf.float16]
            path.write_bytes(converter.convert())

    return write


def _open_litert(path: Path) -> Run:
    import tensorflow as tf

    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore", UserWarning)  # that it will move to another package
        interpreter = tf.lite.Interpreter(model_path=str(path))
        interpreter.allocate_tensors()  # prints what it found
        runner = interpreter.get_signature_runner()

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        return runner(**{INPUT: values})

    return run


_VARIANTS = {
    "saved_model": [Variant("SavedModel", "saved_model", False, _write_saved_model, _open_saved_model)],
    "onnx": [
        Variant("ONNX", "model.onnx", False, _write_onnx, _open_onnx),
        Variant("ONNX, int8 weights", "model_int8.onnx", True, _write_onnx_int8, _open_onnx),
    ],
    "litert": [
        Variant("LiteRT", "model.tflite", False, _litert_writer(None), _open_litert),
        Variant(
            "LiteRT, float16 weights", "model_float16.tflite", True, _litert_writer("float16"), _open_litert
        ),
        Variant("LiteRT, int8 weights", "model_int8.tflite", True, _litert_writer("int8"), _open_litert),
    ],
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what converters print of their progress, in Python's log and directly on standard error."""
    level, stderr = logging.root.manager.disable, os.dup(2)
    logging.disable(logging.ERROR)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        logging.disable(level)
