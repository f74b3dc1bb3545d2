"""A byte fuzzer for every route of the service: ``python -m benchmarks.fuzz --minutes 60``.

Valid requests (JSON, CSV, Arrow, and GET) are damaged byte by byte, with fragments that parsers stumble over, and sent
to a service with a temporary registry, some of them as raw bytes instead of HTTP. A status of 500, an error without its
sentence, a connection that ends without a response to whole HTTP, a service that ends or grows, or a valid request
without an answer is a fault. Everything follows from the seed, and each fault is printed with its request.
"""

import argparse
import http.client
import io
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
GETS = (
    "/v1/forecast/latest",
    "/v1/audit",
    "/v1/alarms",
    "/v1/models",
    "/v1/live",
    "/healthz",
    "/readyz",
    "/metrics",
)
GETS += ("/", "/docs", "/openapi.json", "/v1/events")
POSTS = ("/v1/forecast", "/v1/rows", "/v1/observe")
FRAGMENTS = [
    b"NaN", b"Infinity", b"-1e999", b"1e400", b"null", b"true", b"{}", b"[]", b'""', b"[" * 3000, b'{"a":' * 500,
    b'"\\ud800"', b"\xff\xfe", b"\x00", b"\xef\xbb\xbf", b"9" * 5000, b"0001-01-01T00:00:00", b"9999-12-31T23:59:59Z",
    b"2262-04-12T00:00:00", b"2024-02-30T00:00:00", b"1e5", b",,,,", b"\r\n\r\n", b'"' * 99, b"__proto__", b"%s%n",
    b"' OR 1=1 --", b"../../etc/passwd", b"\xf0\x9f\x92\xa5" * 50, b"-0", b"0x10", b"1_000", b"+00:00", b"-99:99",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]
CHECK_EVERY = 50  # requests, after which a valid one must be answered
MAX_GROWTH_MB = 300


class Fuzzer:
    """Damaged requests to a service on this machine.

    Args:
        url: Its address.
        seed: Seed of all choices.
    """

    def __init__(self, url, seed):
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.random = random.Random(seed)
        self.statuses, self.faults = Counter(), []
        _, _, content = self.send("GET", "/v1/models", None, JSON)
        self.model = json.loads(content)["input"]
        self.time, self.bodies = np.datetime64("2007-03-01T00:00:00"), []
        self.bodies = self.valid_bodies()

    def valid_bodies(self):
        """Return route, content type and body of valid requests."""
        rows, features = self.model["rows"], self.model["features"]
        values = np.random.default_rng(0).uniform(0, 5, (rows, len(features))).round(2)
        window = {"time": str(self.time), "values": values.tolist()}
        row = {"time": str(self.time), "values": dict(zip(features, values[0].tolist(), strict=True))}
        truth = {"time": str(self.time), "values": {self.model["targets"][0]: 1.5}}
        names = ",".join(["time", *features])
        csv = f"{names}\n{self.time},{','.join(map(str, values[0]))}\n"
        times = pa.array([self.time], pa.timestamp("s"))
        columns = {name: [float(value)] for name, value in zip(features, values[0], strict=True)}
        return [
            ("/v1/forecast", JSON, json.dumps({"features": features, "windows": [window, window]}).encode()),
            ("/v1/rows", JSON, json.dumps({"rows": [row]}).encode()),
            ("/v1/observe", JSON, json.dumps({"rows": [truth]}).encode()),
            ("/v1/rows", CSV, csv.encode()),
            ("/v1/rows", ARROW, arrow_bytes(pa.table({"time": times, **columns}))),
            ("/v1/forecast", ARROW, self._arrow_windows(values)),
        ]

    def _arrow_windows(self, values):
        steps = np.arange(len(values)) * np.timedelta64(int(self.model["step_seconds"]), "s")
        columns = dict(zip(self.model["features"], values.T, strict=True))
        window = np.zeros(len(values), np.int64)
        return arrow_bytes(pa.table({"window": window, "time": self.time + steps, **columns}))

    def run(self, seconds):
        """Send requests for some seconds; return the figures."""
        end = time.monotonic() + seconds
        self.check_alive()
        while time.monotonic() < end:
            self.step()
            if sum(self.statuses.values()) % CHECK_EVERY == 0:
                self.check_alive()
        self.check_alive()
        return {
            "requests": sum(self.statuses.values()),
            "statuses": {f"{route} {status}": n for (route, status), n in sorted(self.statuses.items())},
            "faults": self.faults,
        }

    def step(self):
        """Send one damaged request."""
        kind = self.random.random()
        if kind < 0.75:
            route, content_type, body = self.random.choice(self.bodies)
            for _ in range(self.random.choice((1, 1, 1, 2, 4, 16))):
                body = self.damage(body)
            if self.random.random() < 0.05:
                content_type = self.random.choice(
                    [JSON, CSV, ARROW, "", "text/plain; charset=\xff", "a" * 500]
                )
            self.request("POST", route, body, content_type)
        elif kind < 0.9:
            path = self.random.choice((*GETS[:-1], *POSTS))
            if self.random.random() < 0.7:
                path = "/" + self.damage(path[1:].encode() + b"?a=1").decode("latin-1")
                path = "".join(letter if "!" <= letter <= "~" else f"%{ord(letter):02X}" for letter in path)
            body = self.damage(b"{}") if self.random.random() < 0.3 else None
            self.request(self.random.choice(METHODS), path[:3000], body, JSON)
        else:
            self.send_raw()

    def damage(self, content):
        """Return bytes with one piece changed, left out, repeated, or replaced by a fragment."""
        pick = self.random
        start = pick.randrange(len(content) + 1)
        stop = min(len(content), start + pick.choice((0, 1, 1, 2, 8, 64)))
        how = pick.randrange(6)
        if how == 0:
            return content[:start] + pick.choice(FRAGMENTS) + content[stop:]
        if how == 1:
            return content[:start] + pick.randbytes(stop - start) + content[stop:]
        if how == 2:
            return content[:start] + content[stop:]
        if how == 3:
            return content[:stop] + content[start:stop] * pick.choice((1, 2, 100)) + content[stop:]
        if how == 4:
            return content[:start]
        flipped = bytearray(content or b"\0")
        flipped[min(start, len(flipped) - 1)] ^= 1 << pick.randrange(8)
        return bytes(flipped)

    def request(self, method, path, body, content_type):
        """Send one request, and judge its response."""
        status, headers, content = self.send(method, path, body, content_type)
        route = path if path in (*GETS, *POSTS) else "other paths"
        self.statuses[route, str(status)] += 1
        reason = find_fault(method, status, headers, content)
        if reason is not None:
            self.add_fault(
                reason, content, request=[method, path[:200], content_type[:50], (body or b"")[:4000].hex()]
            )

    def add_fault(self, reason, response, **more):
        """Record and print a fault."""
        fault = {"fault": reason, "response": response[:300].decode("latin-1"), **more}
        self.faults.append(fault)
        print(f"FAULT {fault}", flush=True)

    def send(self, method, path, body, content_type):
        """Return status, headers and content of the response; the status is a text without one."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            headers = {"Content-Type": content_type.encode("latin-1")} if content_type else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read(1 << 22)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, {}, repr(error).encode()
        finally:
            connection.close()

    def send_raw(self):
        """Send bytes that need not be HTTP; any response will do, and none."""
        route, content_type, body = self.random.choice(self.bodies)
        lines = [
            f"POST {route} HTTP/1.1",
            "Host: a",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
        ]
        content = "\r\n".join([*lines, "", ""]).encode() + body
        for _ in range(3):
            content = self.damage(content)
        try:
            with socket.create_connection(self.address, timeout=0.5) as connection:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(1 << 16)
        except OSError as error:
            answer = type(error).__name__.encode()
        status = answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "no response"
        self.statuses["raw bytes", status] += 1
        if status == "500":
            self.add_fault("status 500", answer, raw=content.hex())

    def check_alive(self):
        """Find a fault if valid requests are not answered."""
        for route, content_type, body in self.bodies:
            status, _, content = self.send("POST", route, body, content_type)
            if status != 200:
                self.add_fault(f"a valid {route} got {status}", content, content_type=content_type)


def find_fault(method, status, headers, content):
    """Return what is wrong with a response; None if nothing is."""
    if not isinstance(status, int):
        return f"no response ({status})"
    if status >= 500 and status != 503:
        return f"status {status}"
    if status < 400 or method == "HEAD":
        return None
    try:
        sentence = json.loads(content)["error" if status != 503 else next(iter(json.loads(content)))]
    except (ValueError, KeyError, TypeError, StopIteration):
        sentence = None
    if status == 400 and content == b"Invalid HTTP request received.":
        return None
    return None if sentence is not None else f"status {status} without a sentence"


def arrow_bytes(table):
    """Return a table as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def as_markdown(result):
    """Return the table of a result."""
    routes = {}
    for key, count in result["statuses"].items():
        route, _, status = key.rpartition(" ")
        routes.setdefault(route, []).append(f"{status} ({count:,})")
    lines = ["| route | statuses |", "|---|---|"]
    lines += [f"| {route} | {', '.join(statuses)} |" for route, statuses in sorted(routes.items())]
    return "\n".join(lines)


def main(arguments=None):
    from benchmarks.chaos.world import World

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file with the result")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        world = World(Path(folder), options.seed, rate=1)
        try:
            world.prepare()
            world.start_service()
            first = world.service.megabytes()
            result = Fuzzer(f"http://127.0.0.1:{world.port}", options.seed).run(60 * options.minutes)
            grown = world.service.megabytes() - first
            if world.service.process.poll() is not None:
                result["faults"].append({"fault": "the service ended", "response": world.service.output()})
            elif grown > MAX_GROWTH_MB:
                result["faults"].append({"fault": f"memory grew by {grown:.0f} MB", "response": ""})
        finally:
            world.close()
    result |= {"minutes": options.minutes, "seed": options.seed, "grown_mb": round(grown)}
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(as_markdown(result))
    count = len(result["faults"])
    requests = f"{result['requests']:,} requests in {options.minutes:g} minutes"
    print(f"{requests}, {grown:.0f} MB more memory, {count} faults")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
