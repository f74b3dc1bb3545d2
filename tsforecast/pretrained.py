"""Foundation models in local files: what they can forecast, read without their libraries, and how these forecast."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.errors import UserError, install_hint
from tsforecast.files import display_path
from tsforecast.untrusted.records import parse_record, read_record

ADVICE = "give model.weights the folder of a Chronos-Bolt or fracast model"
MAX_CONFIG_BYTES = 1 << 20
MAX_HEADER_BYTES = 64 << 20
WEIGHTS = "model.safetensors"
MIN_LOOKBACK = 8  # steps that fracast needs

Run = Callable[[np.ndarray, int], np.ndarray]  # histories [n, L] and steps in, quantiles [n, steps, K] out


@dataclass(frozen=True)
class Pretrained:
    """A foundation model in a folder.

    Args:
        library: The package that runs it, ``chronos`` or ``fracast``.
        folder: Folder with ``config.json`` and ``model.safetensors``.
        context: Steps of history that it reads at most.
        steps: Steps that it forecasts at once; further steps are forecast from its own forecasts.
        levels: The K rising quantile levels that it forecasts.
    """

    library: str
    folder: Path
    context: int
    steps: int
    levels: tuple[float, ...]

    def check(self, lookback: int, steps: int, quantile_levels: Sequence[float] | None) -> None:
        """Refuse a forecast that the model cannot make.

        Args:
            lookback: Steps of history.
            steps: Steps from the end of the history to the last that is forecast.
            quantile_levels: Quantiles to forecast, or None for the median.

        Raises:
            UserError: There are more steps than the model reads, a level outside of its own, or too short a history.
        """
        if steps > self.context:
            raise UserError(
                f"The window ends {steps} steps ahead, but the model in {display_path(self.folder)} reads"
                f" {self.context} and would see nothing but its own forecasts: lower window.lead or window.horizon."
            )
        outside = [q for q in quantile_levels or () if not self.levels[0] <= q <= self.levels[-1]]
        if outside:
            raise UserError(
                f"loss.quantile_levels has {outside[0]}, but the model in {display_path(self.folder)} forecasts"
                f" quantiles from {self.levels[0]} to {self.levels[-1]} only."
            )
        if self.library == "fracast" and lookback < MIN_LOOKBACK:
            raise UserError(f"fracast needs window.lookback={MIN_LOOKBACK} or more, not {lookback}.")

    def load(self) -> Run:
        """Return a function that forecasts.

        Raises:
            UserError: The library is not installed or cannot read the weights.
        """
        try:
            return _load_chronos(self.folder) if self.library == "chronos" else _load_fracast(self.folder)
        except ImportError as error:
            raise _missing(self.library, error) from error
        except Exception as error:  # the libraries raise all kinds of exceptions
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{self.library} cannot load {display_path(self.folder)}: {reason}") from error

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.folder / WEIGHTS

    def count_params(self) -> int:
        """Return the number of weights, from the header of their file.

        Raises:
            UserError: The file is damaged.
        """
        with open(self.weights, "rb") as file:
            content = file.read(min(int.from_bytes(file.read(8), "little"), MAX_HEADER_BYTES))
        header = parse_record(content, str(display_path(self.weights)), ADVICE)
        return sum(math.prod(tensor.get("shape", [0])) for tensor in header.values())


def find_pretrained(weights: str | Path | None) -> Pretrained:
    """Return the foundation model in a folder, or the one that comes with fracast.

    Args:
        weights: The folder; None for the weights within the package fracast.

    Raises:
        UserError: The library is not installed, the folder does not exist, or it contains another kind of model.
    """
    folder = _bundled() if weights is None else Path(weights).expanduser().absolute()
    path = folder / "config.json"
    if not path.is_file():
        what = "does not exist" if not folder.is_dir() else "has no config.json"
        raise UserError(f"model.weights={display_path(folder)} {what}: {ADVICE}.")
    config = read_record(path, ADVICE, MAX_CONFIG_BYTES)
    try:
        model = _describe(config, folder)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{display_path(path)} is not that of a known model: {ADVICE}.") from None
    if find_spec(model.library) is None:
        raise _missing(model.library, "it is not installed")
    if not model.weights.is_file():
        raise UserError(f"{display_path(folder)} has no {WEIGHTS}: {ADVICE}.")
    return model


def interpolate_levels(values: np.ndarray, levels: Sequence[float], wanted: Sequence[float]) -> np.ndarray:
    """Return quantiles at other levels, interpolated between those of a forecast.

    Args:
        values: Quantiles ``[..., K]``, sorted where they cross.
        levels: Their K rising levels.
        wanted: Q levels within the range of those.

    Returns:
        ``[..., Q]``.

    Example:
        >>> interpolate_levels(np.array([1.0, 3.0, 2.0]), [0.1, 0.5, 0.9], [0.1, 0.3, 0.9]).tolist()
        [1.0, 1.5, 3.0]
    """
    values, positions = np.sort(values, axis=-1), np.interp(wanted, levels, np.arange(len(levels)))
    below = np.floor(positions).astype(int)
    above, share = np.minimum(below + 1, len(levels) - 1), positions - below
    result: np.ndarray = (1 - share) * values[..., below] + share * values[..., above]
    return result


def _describe(config: Mapping[str, Any], folder: Path) -> Pretrained:
    pipeline = config.get("chronos_pipeline_class")
    if pipeline == "ChronosBoltPipeline":
        node = config["chronos_config"]
        sizes = int(node["context_length"]), int(node["prediction_length"])
        return Pretrained("chronos", folder, *sizes, tuple(map(float, node["quantiles"])))
    if pipeline is not None:
        raise UserError(f"{display_path(folder)} has a {str(pipeline)[:80]}: {ADVICE}.")
    node = config["model"]
    if node["family"] != "fracast":
        raise ValueError
    sizes = int(node["W"]), int(node["horizon"])
    return Pretrained("fracast", folder, *sizes, tuple(map(float, node["quantiles"])))


def _bundled() -> Path:
    package = find_spec("fracast")
    if package is None or package.origin is None:
        raise UserError(
            f"model=zeroshot without model.weights needs fracast: {install_hint('zeroshot')}, or {ADVICE}."
        )
    return Path(package.origin).parent / "weights"


def _missing(library: str, reason: object) -> UserError:
    return UserError(f"model=zeroshot needs {library} ({reason}): {install_hint('zeroshot')}.")


def _load_chronos(folder: Path) -> Run:
    import torch
    from chronos import BaseChronosPipeline
    from transformers.utils import logging

    logging.disable_progress_bar()
    pipeline = BaseChronosPipeline.from_pretrained(
        str(folder),
        local_files_only=True,
        use_safetensors=True,  # nothing that could run code
        dtype="float32",
        device_map="cuda" if torch.cuda.is_available() else "cpu",
    )

    def run(histories: np.ndarray, steps: int) -> np.ndarray:
        with warnings.catch_warnings():  # of steps that are forecast from forecasts, which the model reports
            warnings.simplefilter("ignore")
            values = pipeline.predict(torch.from_numpy(histories), prediction_length=steps)
        result: np.ndarray = values.numpy().swapaxes(1, 2)
        return result

    return run


def _load_fracast(folder: Path) -> Run:
    import torch
    from fracast import FracastModel

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = FracastModel.from_pretrained(folder, weights="fp32", device=device)

    def run(histories: np.ndarray, steps: int) -> np.ndarray:
        result: np.ndarray = model.forecast_batch(histories, horizon=steps)
        return result

    return run
