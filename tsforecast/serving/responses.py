"""Forecasts as JSON and Arrow answers."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tsforecast.inference.forecast_table import forecast_table, member_names
from tsforecast.inference.forecasts import Forecasts
from tsforecast.serving.model_manager import LoadedModel

ARROW = "application/vnd.apache.arrow.stream"


class Answer(NamedTuple):
    """Forecasts of n windows by the version that was active when they were asked for.

    Args:
        active: that version.
        made_at: ``[n]`` datetime64[s].
        forecasts: in the targets' unit.
        lower: ``[n, H, T]`` of the intervals, NaN where there is none yet.
        upper: the same.
    """

    active: LoadedModel
    made_at: np.ndarray
    forecasts: Forecasts
    lower: np.ndarray
    upper: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """The answer as plain containers."""
        metadata = self.active.metadata
        times = np.datetime_as_string(metadata.target_times(self.made_at)).tolist()
        made = np.datetime_as_string(self.made_at).tolist()
        return {
            "version": self.active.version.name,
            "unit": metadata.unit,
            "targets": list(metadata.targets),
            "coverage": self.active.intervals.coverage,
            "forecasts": [
                {"made_at": made[row], "times": times[row], **self._window(row)} for row in range(len(made))
            ],
        }

    def as_arrow(self) -> bytes:
        """The answer as an Arrow stream of the table that ``job=predict`` writes."""
        table = forecast_table(
            self.active.metadata, self.made_at, self.forecasts, self.lower, self.upper
        ).replace_schema_metadata({"version": self.active.version.name})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return sink.getvalue().to_pybytes()

    def _window(self, row: int) -> dict[str, Any]:
        metadata, found = self.active.metadata, self.forecasts
        told: dict[str, Any] = {
            "forecast": self._by_target(found.values[row]),
            "lower": self._by_target(self.lower[row]),
            "upper": self._by_target(self.upper[row]),
        }
        if found.quantiles is not None:
            told["quantiles"] = {
                f"{level:g}": self._by_target(found.quantiles[row, ..., index])
                for index, level in enumerate(metadata.quantile_levels or ())
            }
        if found.spike is not None:
            told["spike_probability"] = self._by_target(found.spike[row])
        if found.weights is not None:
            names = member_names(metadata, found.weights.shape[1])
            told["weights"] = dict(zip(names, found.weights[row].tolist(), strict=True))
        return told

    def _by_target(self, values: np.ndarray) -> dict[str, list[float | None]]:
        """``[H, T]`` as a list of H for each target; null for NaN."""
        return {
            name: [None if np.isnan(value) else value for value in values[:, index].tolist()]
            for index, name in enumerate(self.active.metadata.targets)
        }
