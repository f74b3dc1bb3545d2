"""job=predict: forecasts of a whole file, with timestamps, weights and intervals."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.models.io import load_model
from tsforecast.registry.model_source import resolve_model

TOGETHER = 128  # windows that one call forecasts; smaller calls take longer for each


def main(config: Config, path: Path) -> None:
    """Reads ``predict.data``, writes ``predict.out``, tells how many forecasts and how the intervals did."""
    asked = config.predict
    source = Path(str(asked.data)).expanduser()
    if not source.is_file():
        raise UserError(f"predict.data: there is no file {source}.")
    chosen = resolve_model(config.registry, config.run)

    from tsforecast.inference.forecast_table import TableWriter

    out = TableWriter(asked.out or path / "forecasts.parquet")
    build.set_up_runtime(config)

    from tsforecast.inference.intervals import create_intervals
    from tsforecast.inference.predictor import Predictor

    model = load_model(chosen.model)
    predictor = Predictor(model, sizes=(_together(asked.batch_size),))
    metadata, options = predictor.metadata, config.intervals
    intervals = create_intervals(metadata.horizon, len(metadata.targets), options, chosen.calibration)
    began = time.monotonic()
    with out as table:
        windows = _write(asked, source, model, predictor, intervals, table)
        if not windows:
            raise UserError(
                f"predict.data: {source} has no {metadata.lookback} rows in a row, as a window of {chosen.name} needs."
            )
    seconds = time.monotonic() - began
    print(
        f"{windows:,} forecasts by {chosen.name} in {seconds:.1f} s, {windows / max(seconds, 1e-9):,.0f} a second"
    )
    print(_coverage(intervals.summary()))
    if not any(path.iterdir()):
        path.rmdir()  # the result lies elsewhere
    print(out.path, flush=True)


def _write(asked: Any, source: Path, model: Any, predictor: Any, intervals: Any, table: Any) -> int:
    """Forecasts segment by segment, with intervals from the truths known at each batch; returns how many windows."""
    from tsforecast.ensemble.streaming import StreamingEnsemble
    from tsforecast.inference.forecast_table import forecast_table
    from tsforecast.inference.predictor import is_adaptive
    from tsforecast.inference.scorer import Scorer
    from tsforecast.inference.sliding import read_rows, segments

    metadata, count = predictor.metadata, 0
    judge = Scorer(intervals, metadata)
    along = StreamingEnsemble(model, predictor) if is_adaptive(model) else None
    for segment in segments(read_rows(source, metadata, asked.time), metadata, asked.stride):
        judge.observe(segment.position, segment.truths)
        if along is not None:
            along.observe(segment)
        if not len(segment.ends):
            continue
        found = along.forecasts(segment) if along else None
        for ends, forecasts in _batches(segment, found, predictor, asked.batch_size):
            lower, upper = judge.compute_intervals(segment.position[ends], forecasts)
            table.write(forecast_table(metadata, segment.time[ends], forecasts, lower, upper))
            count += len(ends)
    judge.finish()
    return count


def _batches(segment: Any, found: Any, predictor: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """The last rows of the windows of each batch, and their forecasts: ``found``, or made for several batches at once.

    The intervals learn after each batch, but forecasts do not hang on them.
    """
    size = _together(batch_size)
    for start in range(0, len(segment.ends), size):
        ends = segment.ends[start : start + size]
        several = (
            predictor(segment.windows(ends)) if found is None else found.select(slice(start, start + size))
        )
        for first in range(0, len(ends), batch_size):
            batch = slice(first, first + batch_size)
            yield ends[batch], several.select(batch)


def _together(batch_size: int) -> int:
    """Windows a call: as many whole batches as come to ``TOGETHER``, at least one."""
    return batch_size * max(1, TOGETHER // batch_size)


def _coverage(found: Mapping[str, Any]) -> str:
    if not found["truths"]:
        return "No truth of any forecast with an interval stands in the file, so the intervals could not be judged."
    share, truths = found["observed"], found["truths"]
    return f"{share:.1%} of {truths:,} truths lie in their intervals (nominal {found['nominal']:.0%})"
