"""Clients that send rows, windows and observations at a fixed rate, and keep what was acknowledged."""

import http.client
import json
import math
import random
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

# What the requests of one second are, at 20 per second; "latest" and the others are GET requests.
PATTERN = "row forecast row observe row latest row forecast row observe row models row forecast row live row metrics"
PATTERN += " row backlog"
PATHS = {"latest": "/v1/forecast/latest", "models": "/v1/models", "live": "/v1/live", "metrics": "/metrics"}
THREADS = 16
IDLE_SECONDS = 3.0  # after which a connection is opened again; the service closes it after 5 s
JSON = {"Content-Type": "application/json"}


class Client:
    """One connection per thread."""

    def __init__(self, port):
        self.port, self.local = port, threading.local()

    def send(self, path, body=None):
        """Return the status and the content of the response; the status is a text."""
        connection = getattr(self.local, "connection", None)
        idle, self.local.used = time.monotonic() - getattr(self.local, "used", 0.0), time.monotonic()
        if connection is None or idle > IDLE_SECONDS:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            self.local.connection = connection
        try:
            connection.request("GET" if body is None else "POST", path, body, JSON)
            response = connection.getresponse()
            return str(response.status), response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.local.connection = None
            return "no connection", repr(error).encode()


class Traffic:
    """Requests at a fixed rate until it is stopped.

    Args:
        client: Sends them.
        ledger: Keeps what was acknowledged.
        rows: Times and values ``[N, C]`` of the rows to send, and their features.
        first: First row to send; the model knows those before.
        lookback: Rows of a window.
        rate: Requests per second.
        seed: Seed of the choice of windows.
    """

    def __init__(self, client, ledger, rows, *, first, lookback, rate, seed):
        self.client, self.ledger, self.rate, self.lookback = client, ledger, rate, lookback
        self.times, self.values, self.features = rows
        self.position, self.random = first, random.Random(seed)
        self.lock, self.again = threading.Lock(), deque()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._stopped.set()
        self._thread.join()

    def send_rows(self, indices):
        """Send rows; those that are not acknowledged are sent again later."""
        body = json.dumps({"rows": [self._row(index) for index in indices]})
        response = self._send("rows", "/v1/rows", body)
        if response is None:
            with self.lock:
                self.again.extend(index for index in indices if index not in self.again)
            return
        with self.ledger.lock:
            self.ledger.rows.update(indices)
        self._keep_forecasts(response)

    def take_rows(self, count):
        """Return the indices of the next rows: those that were not acknowledged before new ones."""
        with self.lock:
            indices = [self.again.popleft() for _ in range(min(count, len(self.again)))]
            new = count - len(indices)
            indices += range(self.position, self.position + new)
            self.position += new
        return indices

    def _run(self):
        pattern = PATTERN.split()
        with ThreadPoolExecutor(THREADS) as pool:
            began, futures = time.perf_counter(), deque()
            for number in range(10**9):
                if self._stopped.wait(max(0.0, began + number / self.rate - time.perf_counter())):
                    break
                futures.append(pool.submit(self._do, pattern[number % len(pattern)]))
                while futures and futures[0].done():
                    futures.popleft().result()
            for future in futures:
                future.result()

    def _do(self, kind):
        if kind == "row":
            self.send_rows(self.take_rows(1))
        elif kind == "backlog":  # the last of three rows first, and one that was sent before
            indices = self.take_rows(3)[::-1]
            self.send_rows([*indices, max(indices) - 7])
        elif kind == "forecast":
            self._forecast()
        elif kind == "observe":
            self._observe()
        else:
            self._send(kind, PATHS[kind])

    def _forecast(self):
        end = self.position - self.random.randrange(1, 2000)
        rows = slice(end - self.lookback + 1, end + 1)
        window = {"time": str(self.times[end]), "values": self.values[rows].tolist()}
        body = json.dumps({"features": self.features, "windows": [window]})
        response = self._send("forecast", "/v1/forecast", body)
        if response is not None:
            self._keep_forecasts(response)

    def _observe(self):
        index = self.position + self.random.randrange(20, 500)
        value = float(self.values[index, 0])
        body = {"rows": [{"time": str(self.times[index]), "values": {self.features[0]: value}}]}
        if self._send("observe", "/v1/observe", json.dumps(body)) is not None:
            with self.ledger.lock:
                self.ledger.truths.setdefault(int(self.times[index].astype(np.int64)), value)

    def _row(self, index):
        values = dict(zip(self.features, self.values[index].tolist(), strict=True))
        return {"time": str(self.times[index]), "values": values}

    def _send(self, kind, path, body=None):
        """Return the content of a response, or None if the request failed."""
        began = time.monotonic()
        status, content = self.client.send(path, body)
        self.ledger.count(kind, status, content.decode(errors="replace"), began)
        if status != "200":
            return None
        return json.loads(content) if body is not None else content

    def _keep_forecasts(self, response):
        with self.ledger.lock:
            for item in response["forecasts"]:
                (values,) = item["forecast"].values()
                made_at = int(np.datetime64(item["made_at"].rstrip("Z"), "s").astype(np.int64))
                known = [value for value in values if value is not None and math.isfinite(value)]
                self.ledger.forecasts.add((response["version"], made_at, tuple(known)))
            self.ledger.versions.add(response["version"])
