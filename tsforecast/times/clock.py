"""What the times of a grid mean: local times without a zone, UTC, or times of a zone."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.times.zones import Zone


@dataclass(frozen=True)
class Clock:
    """The clock of a grid.

    With a zone, steps below a day are those of UTC, which has no gap and no repeated hour. Longer steps are those of
    local dates, whose midnights are not always a day apart.

    Args:
        timezone: Zone of the local times; empty if none is named.
        is_utc: Whether the grid is in UTC.

    Example:
        >>> clock = Clock("Europe/Paris", is_utc=True)
        >>> clock.format(np.array(["2024-03-31T00:00", "2024-03-31T01:00"], "datetime64[s]"))
        ['2024-03-31T01:00:00+01:00', '2024-03-31T03:00:00+02:00']
    """

    timezone: str = ""
    is_utc: bool = False

    def to_grid(self, utc: np.ndarray) -> np.ndarray:
        """Return times as the grid has them; with a zone they are given in UTC."""
        return Zone(self.timezone).to_local(utc) if self.timezone and not self.is_utc else utc

    def local(self, time: np.ndarray) -> np.ndarray:
        """Return the local times of grid times, as a clock on the wall shows them."""
        return Zone(self.timezone).to_local(time) if self.timezone and self.is_utc else time

    def utc(self, time: np.ndarray) -> np.ndarray:
        """Return grid times datetime64[s] in UTC, if there is a zone."""
        return Zone(self.timezone).from_wall(time) if self.timezone and not self.is_utc else time

    def format(self, time: np.ndarray) -> list[str]:
        """Return grid times ``[N]`` datetime64[s] in ISO 8601: local with their offset, with Z in UTC, or bare."""
        if not self.timezone:
            texts: list[str] = np.datetime_as_string(
                time, timezone="UTC" if self.is_utc else "naive"
            ).tolist()
            return texts
        utc = self.utc(time)
        local = Zone(self.timezone).to_local(utc)
        offsets = (local - utc).astype(np.int64).tolist()
        return [
            text + _offset_text(offset)
            for text, offset in zip(np.datetime_as_string(local).tolist(), offsets, strict=True)
        ]

    def to_arrow(self, time: np.ndarray) -> pa.Array:
        """Return grid times ``[N]`` datetime64[s] as timestamps, of the zone or UTC if that is what they are."""
        zone = self.timezone or ("UTC" if self.is_utc else None)
        if zone is None:
            return pa.array(time)
        return pa.array(self.utc(time).astype(np.int64), pa.int64()).cast(pa.timestamp("s", zone))

    def read(self, time: np.ndarray, has_offset: bool, where: str) -> np.ndarray:
        """Return times ``[N]`` datetime64[s] of a request as the grid has them; there must be a zone.

        Args:
            time: In UTC if they were sent with an offset, otherwise in local time.
            has_offset: Whether they were.
            where: The times, as the start of a message.

        Raises:
            UserError: A local time does not exist, or is one of two.
        """
        if has_offset or not self.is_utc:
            return self.to_grid(time) if has_offset else time
        result = Zone(self.timezone).to_utc(time.astype("datetime64[ns]"))
        if result.skipped.any():
            raise UserError(
                f"{where}: {time[result.skipped.argmax()]} does not exist in {self.timezone}, whose clocks were put"
                " forward then: correct it, or add the offset."
            )
        if result.unclear.any() or result.once:
            raise UserError(
                f"{where}: the hour from {(result.once or (time[result.unclear.argmax()],))[0]} is repeated in"
                f" {self.timezone}, whose clocks were put back then: add the offset, such as +01:00."
            )
        return result.time.astype("datetime64[s]")


def _offset_text(offset: int) -> str:
    """Return an offset in seconds as ``+01:00``; those of before 1900 may have seconds."""
    minutes, seconds = divmod(abs(offset), 60)
    rest = f":{seconds:02d}" if seconds else ""
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}{rest}"
