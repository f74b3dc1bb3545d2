"""Load test of the service on this machine at a fixed rate: ``python -m benchmarks.serving --rate 20 --seconds 30``.

Requests are sent when they are due, even if earlier ones have not been answered, and the time of each starts when it
was due, so a service that falls behind cannot hide it. ``--start`` serves a copy of the champion of ``--registry``, so
that nothing is written there; ``--url`` sends requests to a running service, which keeps them like all others.
"""

import argparse
import http.client
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from tsforecast.registry import Registry

MAX_REQUESTS = 20_000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
RUN = Path(__file__).parents[1] / "run.py"
READY_SECONDS = 600  # for loading, compiling and warming on a slow machine


class Caller:
    """Post one body repeatedly, with one connection per thread."""

    def __init__(self, url, body, token):
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK:
            raise SystemExit(f"{url} is not on this machine: the load test is for the loopback address only.")
        self.address, self.body = (parts.hostname, parts.port or 80), body
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.local = threading.local()

    def get(self, path):
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request("GET", path, headers=self.headers)
        return json.loads(connection.getresponse().read())

    def status(self, path):
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request("GET", path, headers=self.headers)
        return connection.getresponse().status

    def post(self):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request("POST", "/v1/forecast", self.body, self.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except OSError as error:
            self.local.connection = None
            return type(error).__name__


def make_body(served_model, windows, seed=0):
    """Return random windows in the shape of the served model's inputs."""
    rows, features = served_model["rows"], served_model["features"]
    values = np.random.default_rng(seed).uniform(0, 5, (windows, rows, len(features))).round(3)
    rows_by_window = [{"time": "2010-11-26T21:02:00", "values": window.tolist()} for window in values]
    return json.dumps({"features": features, "windows": rows_by_window}).encode()


def load(caller, rate, seconds, threads):
    """Send requests at a rate; return the seconds from when each was due to its answer, and the statuses."""
    count = min(MAX_REQUESTS, math.ceil(rate * seconds))
    seconds_taken, statuses = np.zeros(count), Counter()

    def send(number):
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        status = caller.post()
        seconds_taken[number] = time.perf_counter() - due
        return status

    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(lambda _: caller.post(), range(threads))
        )  # connections are open before the clock starts
        began = time.perf_counter() + 0.1
        statuses.update(pool.map(send, range(count)))
    return seconds_taken, statuses


def figures(seconds_taken, statuses):
    p50, p95, p99 = (1000 * np.percentile(seconds_taken, (50, 95, 99))).round(1).tolist()
    return {
        "requests": len(seconds_taken),
        "statuses": {str(key): n for key, n in sorted(statuses.items(), key=str)},
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": round(1000 * float(seconds_taken.max()), 1),
    }


@contextmanager
def copied_champion(registry):
    """Yield a temporary registry with the champion of another."""
    with tempfile.TemporaryDirectory(prefix="load-test-") as folder:
        champion = Registry(registry).champion()
        shutil.copytree(champion.path, Path(folder) / "versions" / champion.name)
        Registry(folder).promote(champion.name, "load test")
        yield folder


@contextmanager
def serve(registry):
    """Serve the champion of a registry on a free port; yield the address once it is ready."""
    command = [sys.executable, str(RUN), "job=serve", "serve.port=0", f"registry.path={registry}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        words = process.stdout.readline().split()
        if not words:
            raise SystemExit("The service did not start; its own message says why.")
        url = words[0].rstrip("/")
        end = time.monotonic() + READY_SECONDS
        while Caller(url, b"", os.environ.get("TSFORECAST_TOKEN")).status("/readyz") != 200:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("The service did not become ready.")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.communicate()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--url", help="a running service, such as http://127.0.0.1:8000, which keeps the test's windows"
    )
    where.add_argument("--start", action="store_true", help="serve a copy of the champion of --registry")
    parser.add_argument("--registry", default="outputs/registry")
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--windows", type=int, default=1, help="in each request")
    parser.add_argument("--threads", type=int, default=16, help="requests under way at most")
    options = parser.parse_args(arguments)
    if options.start:
        with copied_champion(options.registry) as registry, serve(registry) as url:
            return run_test(url, options)
    return run_test(options.url, options)


def run_test(url, options):
    """Test the service at an address; print the figures as JSON and return them."""
    token = os.environ.get("TSFORECAST_TOKEN")
    served_model = Caller(url, b"", token).get("/v1/models")
    if served_model.get("input") is None:
        raise SystemExit(f"{url} is not ready: {served_model}")
    caller = Caller(url, make_body(served_model["input"], options.windows), token)
    seconds_taken, statuses = load(caller, options.rate, options.seconds, options.threads)
    result = {"rate": options.rate, "windows": options.windows, **figures(seconds_taken, statuses)}
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
