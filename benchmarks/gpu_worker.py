"""Measures cells of ``benchmarks.gpu`` on request: ``python -m benchmarks.gpu_worker ours tensorflow auto``.

Reads a line of JSON per cell from standard input and answers with one. Steps are timed in tens on a batch that is on
the device already; ``pipeline`` trains on batches that the input pipeline brings, and measures how long steps waited
for them. JAX cannot reset its peak memory, so that its figure is that of the compiled step.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SIZE = 8192  # rows of the square matrices of the limits, on a GPU
# Overrides under which our model has the layers of PyTorch's.
SAME_LAYERS = {
    "spike_detector": (
        "model.stride=null", "model.trained_steps=null", "model.window_features=null", "model.backward_steps=null",
        "model.kernel_size=5", "model.dense_units=[64]", "model.dropout=0.2",
    )
}  # fmt: skip


def timed(call, seconds, parts=1):
    """Return the seconds of the first call, median and quartiles of each part of the later ones, and their number."""
    from tsforecast.timing import seconds_per_call

    figures = seconds_per_call(call, seconds)
    return figures | {name: figures[name] / parts for name in ("median", "low", "high")}


class Ours:
    """Our models, built as a run builds them.

    Args:
        backend: Backend of Keras.
        device: ``auto``, ``cpu`` or ``gpu``.
    """

    def __init__(self, backend, device):
        self.backend, self.device = backend, device

    def prepare(self, request):
        """Return config, data, model and runtime of a cell."""
        from benchmarks.overhead import composed
        from tsforecast.jobs import build, build_model

        precision = request.get("precision", "float32")
        model = request.get("model", "lstm")
        config = composed(
            f"model={model}", *SAME_LAYERS.get(model, ()), "scale=tiny", "tracker=none", f"precision={precision}",
            f"backend={self.backend}", f"device={self.device}", "training.supervision=last",
            f"training.batch_size={request.get('batch', 32)}", "training.validation_windows=256",
        )  # fmt: skip
        dataset = build.build_data(config)
        runtime = build.set_up_runtime(config)
        return config, dataset, build_model.forecaster(config, dataset), runtime

    def train(self, request):
        """Time a train step and measure its memory, next to what ``job=plan`` expects and the card allows."""
        from benchmarks.gpu_steps import train_steps
        from benchmarks.operations import PASSES, forward_gflop
        from tsforecast.config import instantiate
        from tsforecast.jobs import build_training
        from tsforecast.planning.measurement import random_batch

        config, dataset, model, runtime = self.prepare(request)
        batch = request["batch"]
        plan = build_training.estimate_memory(config, dataset, model, runtime.device, program=0)
        items = plan.training(batch)
        trainer = build_training.trainer(config, model, instantiate(config.loss), 1000)
        memory = PeakMemory(self.backend, runtime.device)
        call, compiled_bytes = train_steps(trainer, *random_batch(trainer, batch), request["steps"])
        figures = timed(call, request["seconds"], request["steps"])
        traffic = 2 * (items["activations"] + items["workspace"]) + 3 * items["weights"] + items["optimizer"]
        return figures | {
            "windows_per_second": batch / figures["median"],
            "peak_mb": memory.megabytes() if compiled_bytes is None else compiled_bytes / 1e6,
            "planned_mb": items["step"] / 1e6,
            "gflop": PASSES["train"] * forward_gflop(model, model.task.lookback) * batch,
            "gigabytes": traffic / 1e9,
            "weights": model.count_params(),
            "device": runtime.device_name,
            "policy": runtime.policy,
            "versions": runtime.versions,
        }

    def latency(self, request):
        """Time the forecast of one window."""
        from tsforecast.planning.measurement import forecast_call

        _, _, model, runtime = self.prepare(request)
        return timed(forecast_call(model, 1), request["seconds"]) | {"policy": runtime.policy}

    def bulk(self, request):
        """Time forecasts of many windows, batch by batch, as evaluation makes them."""
        from tsforecast.inference.predict import predict

        _, dataset, model, runtime = self.prepare(request)
        windows = dataset.windows("train", limit=4 * request["batch"])
        figures = timed(lambda: predict(model, windows, batch_size=request["batch"]), request["seconds"])
        rate = len(windows) / figures["median"]
        return figures | {"windows_per_second": rate, "policy": runtime.policy}

    def pipeline(self, request):
        """Train on batches of the input pipeline; return the share of the time that steps waited for them."""
        from tsforecast.config import instantiate
        from tsforecast.jobs import build_training
        from tsforecast.training.trainer import train_batches

        config, dataset, model, runtime = self.prepare(request)
        trainer = build_training.trainer(config, model, instantiate(config.loss), 1000)
        epochs = Epochs(trainer)
        steps = request["steps"]
        batches = train_batches(trainer, dataset.windows("train"), request["batch"], seed=0)(0)
        trainer.fit(
            batches, epochs=3, steps_per_epoch=steps, callbacks=[epochs.callback()], shuffle=False, verbose=0
        )
        return {
            "windows_per_second": steps * request["batch"] / epochs.seconds[-1],
            "input_wait": epochs.waited[-1] / epochs.seconds[-1],
            "policy": runtime.policy,
        }

    def limits(self, request):
        """Measure the speed of matrix products and of copies on the device."""
        _, _, _, runtime = self.prepare(request)
        import keras
        from keras import ops

        size, steps = SIZE if runtime.device == "gpu" else SIZE // 16, request["steps"]
        result = {"device": runtime.device_name, "versions": runtime.versions, "driver": driver()}
        half = self.prepare(request | {"precision": "mixed"})[-1].policy.removeprefix("mixed_")
        for dtype in dict.fromkeys(("float32", half)):
            matrix = keras.random.normal((size, size), dtype=dtype)
            figures = timed(repeated(lambda m=matrix: ops.matmul(m, m), steps), request["seconds"], steps)
            result[f"gflops {dtype}"] = 2 * size**3 / figures["median"] / 1e9
        vector = keras.random.normal((4 * size * size,))
        figures = timed(repeated(lambda: vector + 1.0, steps), request["seconds"], steps)
        return result | {"gigabytes_per_second": 2 * 4 * 4 * size * size / figures["median"] / 1e9}


def repeated(operation, times):
    """Return a call that runs an operation several times and waits for the last result."""
    from keras import ops

    def call():
        for _ in range(times):
            result = operation()
        return float(ops.reshape(result, (-1,))[0])

    return call


class Epochs:
    """Seconds of each epoch, and the seconds of them that steps waited for a batch.

    Args:
        trainer: Trainer that measures its waits.
    """

    def __init__(self, trainer):
        self.trainer, self.seconds, self.waited = trainer, [], []

    def callback(self):
        """Return the callback that measures."""
        import keras

        return keras.callbacks.LambdaCallback(on_epoch_begin=self._begin, on_epoch_end=self._end)

    def _begin(self, epoch, logs):
        self.began, self.trainer.waited_seconds = time.perf_counter(), 0.0

    def _end(self, epoch, logs):
        float(logs["loss"])  # waits for the last step
        self.seconds.append(time.perf_counter() - self.began)
        self.waited.append(self.trainer.waited_seconds)


def driver():
    """Return the name, memory and driver of each card, as nvidia-smi reports them; empty without a card."""
    import subprocess

    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


class PeakMemory:
    """Peak memory of the device from now on; on a CPU that of the process."""

    def __init__(self, backend, device):
        from benchmarks.contender import reset_peak, resident_peak_mb

        self.read = resident_peak_mb
        if device != "gpu":
            reset_peak()
        elif backend == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.reset_memory_stats("GPU:0")
            self.read = lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
        elif backend == "torch":
            import torch

            torch.cuda.reset_peak_memory_stats()
            self.read = lambda: torch.cuda.max_memory_allocated() / 1e6
        else:
            self.read = lambda: None

    def megabytes(self):
        """Return the peak in 10^6 bytes."""
        return self.read()


class Torch:
    """The same layers in plain PyTorch, on a GPU with cuDNN.

    Args:
        backend: Not used.
        device: ``auto``, ``cpu`` or ``gpu``.
    """

    def __init__(self, backend, device):
        import torch

        self.on_gpu = device != "cpu" and torch.cuda.is_available()

    def train(self, request):
        """Time a train step."""
        memory = PeakMemory("torch", "gpu" if self.on_gpu else "cpu")
        figures = timed(self.call(request, "train"), request["seconds"], request["steps"])
        rate = request["batch"] / figures["median"]
        return figures | {"windows_per_second": rate, "peak_mb": memory.megabytes()}

    def latency(self, request):
        """Time the forecast of one window."""
        return timed(self.call(request, "infer"), request["seconds"])

    def call(self, request, work):
        """Return a step or forecast; ``mixed`` is the half precision that the card supports."""
        from benchmarks.contender import torch_call
        from benchmarks.overhead import composed

        half, model = request["precision"] == "mixed", request["model"]
        settings = {"encoded": True, "dropout": composed(f"model={model}").model["dropout"]}
        threads = os.cpu_count() or 1
        return torch_call(model, work, request["batch"], half, threads, request["steps"], **settings)


LIBRARIES = {"ours": Ours, "torch": Torch}


def main():
    library, backend, device = sys.argv[1:]
    os.environ["KERAS_BACKEND"] = backend
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not an answer
    measuring = LIBRARIES[library](backend, device)
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(getattr(measuring, request["work"])(request)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
