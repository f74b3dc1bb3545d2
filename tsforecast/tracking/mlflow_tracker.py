"""The MLflow tracker: a local database or a server, with registered models."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError, install_hint
from tsforecast.files import flatten, to_plain
from tsforecast.formatting import is_finite
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.line_image import draw_lines
from tsforecast.tracking.run_folder import RunFolder

CHAMPION = "champion"
ID_FILE = "mlflow_id"
GROUP_TAG, DIGEST_TAG = "tsforecast.group", "tsforecast.sha256"
MAX_PARAMS = 100  # of one request
MAX_VALUE = 500  # characters of a parameter
SETTINGS = {
    "HTTP_REQUEST_MAX_RETRIES": "2",  # by default it retries for minutes
    "HTTP_REQUEST_TIMEOUT": "20",
    "ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "LOGGING_LEVEL": "ERROR",
    "SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the line below names the run
}


class MlflowTracker:
    """Send what a run reports to one MLflow run.

    Args:
        client: ``mlflow.MlflowClient``.
        run_id: Open run.
        with_code: Whether a logged model contains this package.
    """

    def __init__(self, client: Any, run_id: str, with_code: bool = True):
        self._client, self._run_id, self._with_code = client, run_id, with_code
        self._step = 0

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Log numbers under ``step``; what is not a number is left out."""
        from mlflow.entities import Metric

        self._step, now = step, int(time.time() * 1000)
        numbers = {key: float(value) for key, value in row.items() if is_finite(value)}
        metrics = [Metric(key, value, now, step) for key, value in numbers.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def summary(self, values: Mapping[str, object]) -> None:
        """Log the final figures as metrics of their own name, and everything as ``summary.json``."""
        self.log({key: value for key, value in values.items() if not key.startswith("val/")}, self._step)
        # The curves have the name of a validation figure: this one is of the model that is kept.
        self.log(
            {f"best/{key}": value for key, value in values.items() if key.startswith("val/")}, self._step
        )
        self._client.log_dict(self._run_id, to_plain(values), "summary.json")

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Log a table as a JSON file that MLflow shows as one."""
        content = {"columns": list(columns), "data": [to_plain(row) for row in rows]}
        self._client.log_text(self._run_id, json.dumps(content, default=str), f"tables/{name}.json")

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Log a line plot as an image."""
        self._client.log_image(self._run_id, draw_lines(x, lines, x_name, title or name), f"plots/{name}.png")

    def page(self, name: str, path: str | Path) -> None:
        """Log a self-contained HTML page."""
        self._client.log_artifact(self._run_id, str(path))

    def artifact(self, artifact: Artifact) -> None:
        """Log files; a model as a registered version, which gets the alias ``champion`` if it is that."""
        if artifact.kind != "model":
            for file in artifact.files:
                self._client.log_artifact(self._run_id, str(file), "run")
            return
        (file,) = artifact.files
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        version = self._find_version(artifact.name, digest) if artifact.champion is not None else None
        version = version or self._register(artifact, file, digest)
        if artifact.champion is not None:
            self._client.set_registered_model_alias(artifact.name, CHAMPION, version)
            self._client.set_model_version_tag(
                artifact.name, version, "tsforecast.version", artifact.champion
            )

    def use_data(self, name: str, digest: str, facts: Mapping[str, object]) -> None:
        """Record the data as an input of the run."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name, digest, "code", json.dumps({"name": name}), profile=json.dumps(to_plain(facts)))
        inputs = [DatasetInput(data, [InputTag("mlflow.data.context", "training")])]
        self._client.log_inputs(self._run_id, inputs)

    def alert(self, title: str, text: str) -> None:
        """Set the tag ``alert``: MLflow sends nothing by itself."""
        self._client.set_tag(self._run_id, "alert", f"{title}: {text}")

    def params(self, config: Mapping[str, Any]) -> None:
        """Log the options of the run."""
        from mlflow.entities import Param

        params = [Param(key, str(value)[:MAX_VALUE]) for key, value in flatten(config) if value is not None]
        for first in range(0, len(params), MAX_PARAMS):
            self._client.log_batch(self._run_id, params=params[first : first + MAX_PARAMS])

    def _find_version(self, name: str, digest: str) -> str | None:
        versions = self._client.search_model_versions(f"name = '{name}'")
        return next((version.version for version in versions if version.tags.get(DIGEST_TAG) == digest), None)

    def _register(self, artifact: Artifact, file: Path, digest: str) -> str:
        from mlflow.exceptions import MlflowException

        from tsforecast.tracking import mlflow_model

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            mlflow_model.save(path, file, artifact.example, with_code=self._with_code)
            self._client.log_artifacts(self._run_id, str(path), "model")
        try:
            self._client.create_registered_model(artifact.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(self._run_id).info.artifact_uri}/model"
        tags = {DIGEST_TAG: digest} | {key: f"{value}" for key, value in artifact.metadata.items()}
        version = self._client.create_model_version(artifact.name, source, self._run_id, tags=tags)
        return str(version.version)


@contextmanager
def start(
    config: Mapping[str, Any],
    folder: RunFolder,
    name: str,
    group: str | None = None,
    uri: str | None = None,
    experiment: str = "tsforecast",
    code: bool = True,
) -> Iterator[MlflowTracker]:
    """Open an MLflow run around a job, and print one line that says where it is.

    Args:
        config: Composed config as plain dicts and lists.
        folder: Folder of the run; its MLflow id is kept there, so that a resumed run continues.
        name: Display name of the run.
        group: Name of the runs to show together: they are nested in a run of that name.
        uri: Database or server, such as ``sqlite:///m.db`` or ``http://host:5000``; None is MLflow's own setting.
        experiment: Name of the experiment.
        code: Whether a logged model contains this package (11 MB).

    Yields:
        The tracker.

    Raises:
        UserError: MLflow is not installed.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(f"MLFLOW_{key}", value)
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UserError(f"tracker=mlflow needs MLflow: {install_hint('mlflow')}.") from error
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    run_id = _open_run(client, folder, name, group, experiment)
    print(f"MLflow: run {name} ({run_id}) of experiment {experiment}, {client.tracking_uri}", flush=True)
    tracker = MlflowTracker(client, run_id, with_code=code)
    try:
        tracker.params(config)
        yield tracker
    except BaseException as error:
        is_done = isinstance(error, SystemExit) and not error.code
        client.set_terminated(run_id, "FINISHED" if is_done else _failure_status(error))
        raise
    client.set_terminated(run_id, "FINISHED")


def _failure_status(error: BaseException) -> str:
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def _open_run(client: Any, folder: RunFolder, name: str, group: str | None, experiment: str) -> str:
    file = folder.path / ID_FILE
    if file.is_file():
        run_id = file.read_text(encoding="utf-8").strip()
        client.update_run(run_id, status="RUNNING")
        return run_id
    stored = client.get_experiment_by_name(experiment)
    if stored is None:
        experiment_id = client.create_experiment(experiment, _artifact_folder(client.tracking_uri))
    else:
        experiment_id = stored.experiment_id
    tags = {} if group is None else {"mlflow.parentRunId": _parent(client, experiment_id, group)}
    run_id = client.create_run(experiment_id, run_name=name, tags=tags).info.run_id
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_text_atomic(file.name, run_id)
    return str(run_id)


def _artifact_folder(uri: str) -> str | None:
    """Return where files go: next to a database, not in the working folder; None where a server decides."""
    kind, _, path = uri.partition(":///")
    return (Path(path).resolve().parent / "mlartifacts").as_uri() if kind == "sqlite" else None


def _parent(client: Any, experiment_id: str, group: str) -> str:
    """Return the run in which the runs of a group are nested."""
    parents = client.search_runs([experiment_id], f"tags.`{GROUP_TAG}` = '{group}'", max_results=1)
    if parents:
        return str(parents[0].info.run_id)
    parent = client.create_run(experiment_id, run_name=group, tags={GROUP_TAG: group}).info.run_id
    client.set_terminated(parent, "FINISHED")
    return str(parent)
