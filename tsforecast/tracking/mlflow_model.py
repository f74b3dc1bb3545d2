"""A forecaster as an MLflow pyfunc: it predicts from a DataFrame with a column ``time`` and the model's features."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TIME = "time"
PACKAGE = Path(__file__).parents[1]


def create_model() -> Any:
    """Return a ``mlflow.pyfunc.PythonModel``; its class is pickled by value and needs this package."""
    import mlflow.pyfunc

    class ForecastModel(mlflow.pyfunc.PythonModel):
        """Forecasts at every row that has enough rows before it."""

        def load_context(self, context: Any) -> None:
            """Load the saved model."""
            from tsforecast.inference.predictor import Predictor
            from tsforecast.models.io import load_model

            self.predictor = Predictor(load_model(Path(context.artifacts["model"])), sizes=(1, 32))

        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
            """Return one row per forecast value."""
            from tsforecast.tracking.mlflow_model import forecast_frame

            return forecast_frame(self.predictor, model_input)

    return ForecastModel()


def forecast_frame(predictor: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the forecasts from every row of a frame that has enough rows before it.

    Args:
        predictor: ``inference.predictor.Predictor`` of the model.
        frame: Rows in the order of time, with a column ``time`` and the features.
    """
    import pyarrow as pa

    from tsforecast.inference.file_forecast import forecast_segments
    from tsforecast.inference.intervals import create_intervals
    from tsforecast.inference.missing import MissingStretches
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.inference.scorer import Scorer
    from tsforecast.inference.sliding import read_rows, segments
    from tsforecast.tables.frame import FrameSource

    metadata = predictor.metadata
    options = IntervalOptions(coverage=0.9, rate=0.0, memory=1000)  # of no effect: nothing is calibrated
    intervals = create_intervals(metadata.horizon, len(metadata.targets), options, None)
    missing = MissingStretches(metadata.lookback, metadata.categories)
    tables = forecast_segments(
        segments(read_rows(FrameSource(frame), metadata, TIME), metadata, 1, missing),
        predictor,
        Scorer(intervals, metadata),
        batch_size=32,
        ensemble=None,
    )
    table = pa.concat_tables(list(tables))
    return table.drop_columns(["lower", "upper"]).to_pandas()


def save(path: Path, model: Path, example: Mapping[str, Any] | None, *, with_code: bool) -> None:
    """Write a model as an MLflow model, with signature and input example if there is an example.

    Args:
        path: Folder to write.
        model: File of the saved model.
        example: Column -> values of some rows, at least as many as a forecast needs.
        with_code: Whether to put this package into it (11 MB); else it must be installed where the model is used.
    """
    import pandas as pd
    from mlflow.models import infer_signature

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with warnings.catch_warnings():  # of type hints that it could use instead of the example
        warnings.simplefilter("ignore")
        pyfunc, frame, signature = create_model(), None, None
    if example is not None:
        frame = pd.DataFrame(dict(example))
        pyfunc.load_context(_Context({"model": str(model)}))
        signature = infer_signature(frame, pyfunc.predict(None, frame))
        del pyfunc.predictor  # it is loaded again from its file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _save(path, pyfunc, model, signature, frame, with_code)


def _save(path: Path, pyfunc: Any, model: Path, signature: Any, frame: Any, with_code: bool) -> None:
    import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        str(path),
        python_model=pyfunc,
        artifacts={"model": str(model)},
        signature=signature,
        input_example=frame,
        pip_requirements=requirements(),
        code_paths=[str(PACKAGE)] if with_code else None,
    )


def requirements() -> Sequence[str]:
    """Return what the model needs where it is used."""
    from importlib.metadata import version

    return [
        f"{name}=={version(name)}" for name in ("tensorflow", "keras", "numpy", "pyarrow", "pandas", "mlflow")
    ]


class _Context:
    def __init__(self, artifacts: Mapping[str, str]):
        self.artifacts = artifacts
