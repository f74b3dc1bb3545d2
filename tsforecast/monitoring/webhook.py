"""Alarms as signed POST requests, from a thread of their own: retried, limited in number, and never in the way.

The body is the alarm as JSON. With a secret, the header ``X-Tsforecast-Signature`` is ``t=SECONDS,v1=HEX``, where HEX
is the HMAC-SHA256 of ``SECONDS.BODY``: a receiver computes it too, and refuses old seconds, so that no request can be
replayed. ``X-Tsforecast-Delivery`` is the same for all attempts at one alarm.
"""

import contextlib
import hashlib
import hmac
import http.client
import json
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tsforecast.monitoring.alarms import SEVERITIES, Alarm
from tsforecast.monitoring.options import WebhookOptions

MAX_WAITING = 1000  # alarms; further ones are counted
FIRST_PAUSE, MAX_PAUSE = 1.0, 300.0  # seconds between attempts, doubled each time
HOUR = 3600.0
STOP_SECONDS = 2.0
SIGNATURE, DELIVERY = "X-Tsforecast-Signature", "X-Tsforecast-Delivery"


def sign(secret: bytes, seconds: int, body: bytes) -> str:
    """Return the value of the signature header.

    Example:
        >>> sign(b"secret", 1700000000, b"{}")[:25]
        't=1700000000,v1=b8569b787'
    """
    digest = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


@dataclass
class Deliveries:
    """What became of the alarms.

    Args:
        delivered: Alarms that were accepted.
        failed: Alarms that were given up.
        left_out: Alarms beyond the limits, which were summed up or dropped.
    """

    delivered: int = 0
    failed: int = 0
    left_out: int = 0


class Refused(Exception):
    """The receiver refuses the request, and would do so again."""


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    """Send one request.

    Raises:
        Refused: The response has a status from 400 to 499 other than 408, 425 and 429.
        OSError: It was not delivered.
    """
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    try:
        with _OPENER.open(request, timeout=seconds) as response:
            response.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        if 400 <= error.code < 500 and error.code not in (408, 425, 429):
            raise Refused(f"status {error.code}") from None
        raise OSError(f"status {error.code}") from None
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A signed alarm goes to the URL that was configured, and nowhere else."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        """Follow no redirect."""
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


class Webhook:
    """Sends alarms to a URL.

    Args:
        options: URL and limits.
        secret: Secret that signs the bodies; None: they are not signed.
        service: What the body names as its source, such as a version.
        send: Sends one request, see ``post``.
        clock: Returns the seconds since 1970.
        pause: Waits some seconds; returns whether the webhook is being stopped.

    Example:
        ::

            webhook = Webhook(options, secret=b"...", service="power")
            webhook.start()
            webhook.put(alarm)  # returns at once
            webhook.stop()
    """

    def __init__(
        self,
        options: WebhookOptions,
        secret: bytes | None,
        service: str = "tsforecast",
        *,
        send: Callable[[str, bytes, Mapping[str, str], float], None] = post,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], bool] | None = None,
    ):
        self.options, self.secret, self.service = options, secret, service
        self.deliveries = Deliveries()
        self._send, self._clock = send, clock
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(MAX_WAITING)
        self._sent: deque[float] = deque()
        self._left_out = 0  # since the newest summary
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Start the thread that sends."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what is waiting gets a last moment."""
        self._stopped.set()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def put(self, alarm: Alarm) -> None:
        """Queue an alarm that was raised or has ended, if it is severe enough; never waits."""
        if SEVERITIES.index(alarm.severity) < SEVERITIES.index(self.options.min_severity):
            return
        now = self._clock()
        while self._sent and self._sent[0] <= now - HOUR:
            self._sent.popleft()
        if len(self._sent) >= self.options.max_per_hour:
            self._leave_out()
            return
        content = {
            "service": self.service,
            "state": "open" if alarm.end is None else "ended",
        } | alarm.to_dict()
        if self._left_out:
            content["left_out"], self._left_out = self._left_out, 0
        try:
            self._waiting.put_nowait(content)
            self._sent.append(now)
        except queue.Full:
            self._leave_out()

    def deliver(self, content: Mapping[str, Any]) -> bool:
        """Send one alarm, with retries; return whether it was accepted."""
        body = json.dumps(content, allow_nan=False).encode()
        identity = hashlib.sha256(body).hexdigest()[:32]
        for attempt in range(self.options.attempts):
            if attempt and self._pause(min(FIRST_PAUSE * 2 ** (attempt - 1), MAX_PAUSE)):
                break
            try:
                self._send(
                    str(self.options.url), body, self._headers(body, identity), self.options.timeout_seconds
                )
            except Refused as error:
                self._report(str(error))
                break
            except OSError as error:
                self._report(str(error))
            else:
                self.deliveries.delivered += 1
                self._trouble = None
                return True
        self.deliveries.failed += 1
        return False

    def _headers(self, body: bytes, identity: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "tsforecast", DELIVERY: identity}
        if self.secret is not None:
            headers[SIGNATURE] = sign(self.secret, int(self._clock()), body)
        return headers

    def _leave_out(self) -> None:
        self.deliveries.left_out += 1
        self._left_out += 1

    def _report(self, reason: str) -> None:
        """Print why alarms are not accepted, once until one is."""
        if self._trouble is None:
            print(f"An alarm was not accepted by the webhook ({reason}).", file=sys.stderr, flush=True)
        self._trouble = reason

    def _run(self) -> None:
        while True:
            content = self._waiting.get()
            if content is None:
                return
            try:
                self.deliver(content)
            except Exception as error:  # the thread must live as long as the service
                self._report(f"{type(error).__name__}: {error}")
                self.deliveries.failed += 1
