"""The HTTP service in this process, with a client."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from tsforecast.inference.options import IntervalOptions
from tsforecast.journal.retention import Retention
from tsforecast.models.io import load_model
from tsforecast.serving.app import Limits, create_app
from tsforecast.serving.learner import Learner
from tsforecast.serving.model_manager import ModelManager
from tsforecast.serving.service import Service
from tsforecast.serving.telemetry import Telemetry

INTERVALS = IntervalOptions(coverage=0.9, rate=0.01, memory=100)


def make_service(
    registry,
    keep=500,
    journal=None,
    shadow=None,
    intervals=INTERVALS,
    alarms=None,
    webhook=None,
    max_series=1000,
    **options,
):
    """A service; with ``journal=None``, one with a journal of its own."""
    telemetry = Telemetry()
    path = journal or Path(tempfile.mkdtemp(dir=registry.path.parent)) / "journal.db"
    learner = Learner(path, keep, Retention(days=400, megabytes=1000))
    manager = ModelManager(
        registry,
        load_model,
        sizes=(1, 4),
        intervals=intervals,
        poll_seconds=0.05,
        on_change=telemetry.change,
        restore=learner.load,
        shadow=shadow,
        max_series=max_series,
    )
    limits = {"max_batch": 4, "queue": 16, "max_windows": 8}
    service = Service(manager, learner, telemetry, **{**limits, **options})
    if alarms is not None:
        service.monitor(alarms, webhook)
    return service


@contextmanager
def serving(registry, *, limits=None, ready=True, **options):
    """Start a service of a registry in this process; yield a client once it is warm."""
    with create_client(make_service(registry, **options), limits=limits, ready=ready) as client:
        yield client


@contextmanager
def create_client(service, *, limits=None, ready=True):
    """Start a service in this process; yield a client once it is warm."""
    from starlette.testclient import TestClient

    given = Limits(**{"max_body": 200_000, "seconds": 5.0, **(limits or {})})
    with TestClient(create_app(service, given)) as client:
        client.service = service
        end = time.monotonic() + 120
        while ready and client.get("/readyz").status_code != 200:
            assert time.monotonic() < end, client.get("/readyz").text
            time.sleep(0.02)
        yield client
