"""Training from Python: one model, an ensemble, or a backtest."""

from collections.abc import Sequence
from os import PathLike

from tsforecast.api.frames import data_overrides
from tsforecast.api.overrides import Overrides, as_list, as_overrides, optional_override
from tsforecast.api.run import Run
from tsforecast.api.session import run_job

Target = str | Sequence[str] | None
Folder = str | PathLike[str] | None


def train(
    data: object = None,
    target: Target = None,
    model: str | None = None,
    overrides: Overrides | None = None,
    *,
    folder: Folder = None,
    config_dir: Folder = None,
    verbose: bool = True,
) -> Run:
    """Train a model, score it on the test split and write its run folder, as ``job=train`` does.

    Args:
        data: A data frame of pandas, polars, PyArrow or another library with the Arrow interface; a path, pattern or
            URL; a choice of ``conf/data``; None for the embedded household power data. A data frame is stored in
            ``outputs/data``, so that the run can be evaluated and retrained later.
        target: Column to forecast, or a list of columns.
        model: A choice of ``conf/model``; None for the default, an LSTM.
        overrides: Options as on the command line, ``["training.max_minutes=2"]``, or a mapping,
            ``{"training.max_minutes": 2}``.
        folder: Folder of the run; None for a new one in ``outputs/``.
        config_dir: Folder with YAML files of your own, as ``--config-dir``.
        verbose: Whether to print progress and results.

    Raises:
        UserError: Something about the options or the data is wrong; the message says what to do.

    Example:
        ::

            run = tsforecast.train(frame, "load", "gru", {"training.max_minutes": 2})
            run.metrics["test/rmse"]
            run.forecaster.predict(frame, intervals=0.9)
    """
    choice = optional_override("model", model)
    return _run_training("train", data, target, choice, overrides, folder, config_dir, verbose)


def ensemble(
    data: object = None,
    target: Target = None,
    members: Sequence[str] | None = None,
    overrides: Overrides | None = None,
    *,
    folder: Folder = None,
    config_dir: Folder = None,
    verbose: bool = True,
) -> Run:
    """Train several models and combine them into one, as ``job=ensemble`` does.

    Args:
        data: See `train`.
        target: Column to forecast, or a list of columns.
        members: Names of models, or folders of finished runs on the same data; None for the default members.
        overrides: Options as on the command line, or a mapping.
        folder: Folder of the run; None for a new one in ``outputs/``.
        config_dir: Folder with YAML files of your own.
        verbose: Whether to print progress and results.

    Raises:
        UserError: As `train`.
    """
    choice = optional_override("ensemble.members", as_list(members))
    return _run_training("ensemble", data, target, choice, overrides, folder, config_dir, verbose)


def backtest(
    data: object = None,
    target: Target = None,
    model: str | None = None,
    overrides: Overrides | None = None,
    *,
    folder: Folder = None,
    config_dir: Folder = None,
    verbose: bool = True,
) -> Run:
    """Train and score a model at rolling origins, as ``job=backtest`` does.

    Args:
        data: See `train`.
        target: Column to forecast, or a list of columns.
        model: A choice of ``conf/model``.
        overrides: Options as on the command line, such as ``["backtest.origins=4"]``, or a mapping.
        folder: Folder of the run; None for a new one in ``outputs/``.
        config_dir: Folder with YAML files of your own.
        verbose: Whether to print progress and results.

    Raises:
        UserError: As `train`.
    """
    choice = optional_override("model", model)
    return _run_training("backtest", data, target, choice, overrides, folder, config_dir, verbose)


def _run_training(
    job: str,
    data: object,
    target: Target,
    choice: list[str],
    overrides: Overrides | None,
    folder: Folder,
    config_dir: Folder,
    verbose: bool,
) -> Run:
    words = [f"job={job}", *data_overrides(data, target), *choice, *as_overrides(overrides)]
    return Run(run_job(words, folder=folder, config_dir=config_dir, verbose=verbose)[1])
