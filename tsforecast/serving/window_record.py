"""One forecast of one window as the service keeps it: in memory for the live page, and in the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.ensemble.window_outputs import select_points
from tsforecast.inference.forecast_table import member_names
from tsforecast.journal.arrays import pack_arrays, unpack_arrays

if TYPE_CHECKING:
    from tsforecast.inference.forecasts import Forecasts
    from tsforecast.inference.metadata import ModelMetadata
    from tsforecast.serving.model_manager import LoadedModel

ALARM_PROBABILITY = 0.5  # of a spike head
SAME = ("low", "high")  # arrays that are not stored where they equal the forecast


@dataclass
class Point:
    """One forecast value; times are seconds since 1970, values are in the target's unit."""

    version: str
    made_at: int
    time: int
    step: int
    target: int
    forecast: float
    low: float
    high: float
    lower: float | None
    upper: float | None
    last: float
    alarm: bool
    spike: float | None
    truth: float | None = None
    window: int = 0  # id of its window in the journal
    series: str = ""  # its name; empty for a model of one series


@dataclass(frozen=True)
class WindowRecord:
    """The forecast of one window.

    Args:
        version: Version that made it.
        made_at: Time of the last row of the window, in seconds since 1970.
        arrays: ``times [H]`` (int64 seconds), ``values``, ``low``, ``high``, ``lower``, ``upper``, ``alarm`` and maybe
            ``spike``, all ``[H, T]``, ``last [T]``, maybe ``weights [M]`` of an ensemble, and, if these follow the
            truths, the scaled ``points [M, H, T]`` of its members.
        members: Names of the members.
        id: Its id in the journal, rising in the order of arrival.
        series: Name of the series; empty for a model of one series.
    """

    version: str
    made_at: int
    arrays: dict[str, np.ndarray]
    members: tuple[str, ...] = ()
    id: int = 0
    series: str = ""

    @property
    def weights(self) -> dict[str, float] | None:
        """The weights of an ensemble's members; None for other models."""
        weights = self.arrays.get("weights")
        return None if weights is None else dict(zip(self.members, weights.tolist(), strict=True))

    @property
    def is_pending(self) -> bool:
        """Whether an ensemble is to learn from it once its truths are in."""
        return "points" in self.arrays

    def points(self) -> Iterator[Point]:
        """Yield its values that are numbers, step by step and target by target."""
        arrays, spike = self.arrays, self.arrays.get("spike")
        for step, target in np.ndindex(arrays["values"].shape):
            index = (step, target)
            if np.isnan(arrays["values"][index]):
                continue
            yield Point(
                version=self.version,
                made_at=self.made_at,
                time=int(arrays["times"][step]),
                step=step,
                target=target,
                forecast=float(arrays["values"][index]),
                low=float(arrays["low"][index]),
                high=float(arrays["high"][index]),
                lower=_to_json(arrays["lower"][index]),
                upper=_to_json(arrays["upper"][index]),
                last=float(arrays["last"][target]),
                alarm=bool(arrays["alarm"][index]),
                spike=None if spike is None else float(spike[index]),
                window=self.id,
                series=self.series,
            )

    def to_bytes(self) -> bytes:
        """Return arrays and members, for ``from_bytes``."""
        arrays = dict(self.arrays)
        for name in SAME:
            if np.array_equal(arrays[name], arrays["values"]):
                del arrays[name]
        names = np.frombuffer("\n".join(self.members).encode(), np.uint8)
        return pack_arrays({**arrays, "members": names})

    @classmethod
    def from_bytes(
        cls, version: str, made_at: int, content: bytes, number: int, series: str = ""
    ) -> WindowRecord:
        """Return the record of which ``to_bytes`` returned ``content``; ``number`` is its id."""
        arrays = unpack_arrays(content)
        names = arrays.pop("members").tobytes().decode()
        for name in SAME:
            arrays.setdefault(name, arrays["values"])
        return cls(version, made_at, arrays, tuple(names.split("\n")) if names else (), number, series)


def split_windows(
    model: LoadedModel,
    made_at: np.ndarray,
    last: np.ndarray,
    forecasts: Forecasts,
    lower: np.ndarray,
    upper: np.ndarray,
    names: Sequence[str] = (),
    series: Sequence[ModelMetadata] = (),
) -> list[WindowRecord]:
    """Return the forecasts of n windows one by one.

    Args:
        model: The model that made them.
        made_at: Time datetime64[s] of the last row of each window ``[n]``.
        last: Last known values of the targets ``[n, T]``.
        forecasts: The forecasts.
        lower: Lower bounds ``[n, H, T]`` of the intervals.
        upper: Upper bounds ``[n, H, T]``.
        names: Name of the series of each window; none for a model of one series.
        series: Metadata of it.
    """
    metadata = model.metadata
    arrays = {
        "times": metadata.target_times(made_at).astype(np.int64),
        "values": forecasts.values,
        "low": forecasts.low,
        "high": forecasts.high,
        "lower": lower,
        "upper": upper,
        "last": last,
        "alarm": _alarms(series or [metadata] * len(last), forecasts, last),
    }
    members: tuple[str, ...] = ()
    if forecasts.spike is not None:
        arrays["spike"] = forecasts.spike
    if forecasts.weights is not None:
        arrays["weights"] = forecasts.weights
        members = tuple(member_names(metadata, forecasts.weights.shape[1]))
        if forecasts.members is not None and model.ensemble is not None:
            arrays["points"] = select_points(forecasts.members, metadata.quantile_levels)
    return [
        WindowRecord(
            model.version.name,
            seconds,
            {name: array[row] for name, array in arrays.items()},
            members,
            series=names[row] if names else "",
        )
        for row, seconds in enumerate(made_at.astype(np.int64).tolist())
    ]


def _alarms(series: Sequence[ModelMetadata], forecasts: Forecasts, last: np.ndarray) -> np.ndarray:
    """Return where ``[n, H, T]`` a spike is forecast: by the model's own head, or by a rise above the threshold of
    the series of each window.
    """
    if forecasts.spike is not None:
        return np.asarray(forecasts.spike >= ALARM_PROBABILITY)
    thresholds = np.array([metadata.thresholds for metadata in series])
    return np.asarray(forecasts.values - last[:, None] > thresholds[:, None])  # NaN: never


def _to_json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
