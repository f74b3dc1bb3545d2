"""Load on the service on this machine, at a fixed rate: ``python -m benchmarks.serving --rate 20 --seconds 30``.

Requests are sent when they are due, whether or not earlier ones have been answered, and the clock of each starts when
it was due: a service that falls behind cannot hide it. ``--start`` serves the champion of ``--registry`` for as long as
it takes; without it the service at ``--url`` is asked.
"""

import argparse
import http.client
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

MAX_REQUESTS = 20_000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
RUN = Path(__file__).parents[1] / "run.py"
READY_SECONDS = 600  # for loading, compiling and warming on a slow machine


class Caller:
    """Posts one body over and over; a connection a thread."""

    def __init__(self, url, body, token):
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK:
            raise SystemExit(f"{url} is not on this machine: the load test is for the loopback address only.")
        self.place, self.body = (parts.hostname, parts.port or 80), body
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.held = threading.local()

    def get(self, path):
        connection = http.client.HTTPConnection(*self.place, timeout=30)
        connection.request("GET", path, headers=self.headers)
        return json.loads(connection.getresponse().read())

    def status(self, path):
        connection = http.client.HTTPConnection(*self.place, timeout=30)
        connection.request("GET", path, headers=self.headers)
        return connection.getresponse().status

    def post(self):
        connection = getattr(self.held, "connection", None)
        if connection is None:
            connection = self.held.connection = http.client.HTTPConnection(*self.place, timeout=30)
        try:
            connection.request("POST", "/v1/forecast", self.body, self.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except OSError as error:
            self.held.connection = None
            return type(error).__name__


def body_of(wanted, windows, seed=0):
    """Windows of noise in the shape that the model in service wants."""
    rows, features = wanted["rows"], wanted["features"]
    values = np.random.default_rng(seed).uniform(0, 5, (windows, rows, len(features))).round(3)
    asked = [{"time": "2010-11-26T21:02:00", "values": window.tolist()} for window in values]
    return json.dumps({"features": features, "windows": asked}).encode()


def load(caller, rate, seconds, threads):
    """Sends at the rate; returns the seconds of each answer from when it was due, and the statuses."""
    count = min(MAX_REQUESTS, math.ceil(rate * seconds))
    taken, statuses = np.zeros(count), Counter()

    def one(number):
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        status = caller.post()
        taken[number] = time.perf_counter() - due
        return status

    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(lambda _: caller.post(), range(threads))
        )  # connections are open before the clock starts
        began = time.perf_counter() + 0.1
        statuses.update(pool.map(one, range(count)))
    return taken, statuses


def figures(taken, statuses):
    p50, p95, p99 = (1000 * np.percentile(taken, (50, 95, 99))).round(1).tolist()
    return {
        "requests": len(taken),
        "statuses": {str(key): n for key, n in sorted(statuses.items(), key=str)},
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": round(1000 * float(taken.max()), 1),
    }


@contextmanager
def served(registry):
    """The champion of a registry in service, on a free port; gives its address once it is ready."""
    command = [sys.executable, str(RUN), "job=serve", "serve.port=0", f"registry.path={registry}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        told = process.stdout.readline().split()
        if not told:
            raise SystemExit("The service did not start; its own message says why.")
        url = told[0].rstrip("/")
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
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--start", action="store_true", help="serve the champion of --registry meanwhile")
    parser.add_argument("--registry", default="outputs/registry")
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--windows", type=int, default=1, help="in each request")
    parser.add_argument("--threads", type=int, default=16, help="requests under way at most")
    asked = parser.parse_args(arguments)
    if asked.start:
        with served(asked.registry) as url:
            return measured(url, asked)
    return measured(asked.url, asked)


def measured(url, asked):
    """Loads the service at an address, prints the figures as JSON and returns them."""
    token = os.environ.get("TSFORECAST_TOKEN")
    wanted = Caller(url, b"", token).get("/v1/models")
    if wanted.get("input") is None:
        raise SystemExit(f"{url} is not ready: {wanted}")
    caller = Caller(url, body_of(wanted["input"], asked.windows), token)
    taken, statuses = load(caller, asked.rate, asked.seconds, asked.threads)
    told = {"rate": asked.rate, "windows": asked.windows, **figures(taken, statuses)}
    print(json.dumps(told))
    return told


if __name__ == "__main__":
    main()
