"""Forecasters as files for other runtimes: TensorFlow's SavedModel, ONNX and LiteRT."""
