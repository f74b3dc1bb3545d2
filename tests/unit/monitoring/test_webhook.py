import hashlib
import hmac
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers.monitoring_case import make_options
from tsforecast.monitoring.alarms import Alarm
from tsforecast.monitoring.webhook import DELIVERY, SIGNATURE, Refused, Webhook, post


def alarm(number=1, severity="critical", end=None):
    return Alarm(number, "stuck", "voltage", severity, 60, "voltage is stuck.", {"rows": 9.0}, end)


def options(url="http://localhost/alarms", **changes):
    return replace(make_options().webhook, url=url, **changes)


class Receiver:
    """Takes the place of ``post``: fails as often as asked."""

    def __init__(self, *failures):
        self.failures, self.requests = list(failures), []

    def __call__(self, url, body, headers, seconds):
        self.requests.append((url, body, headers))
        if self.failures:
            raise self.failures.pop(0)


def webhook(receiver, pauses=None, secret=b"secret", clock=lambda: 1000.0, **changes):
    pauses = [] if pauses is None else pauses

    def pause(seconds):
        pauses.append(seconds)
        return False

    return Webhook(options(**changes), secret, send=receiver, clock=clock, pause=pause)


def drain(hook):
    delivered = []
    while not hook._waiting.empty():
        delivered.append(hook._waiting.get())
    return delivered


def test_the_body_is_the_alarm_and_the_signature_proves_it():
    receiver = Receiver()
    hook = webhook(receiver)
    hook.put(alarm())
    (content,) = drain(hook)
    assert hook.deliver(content)
    ((url, body, headers),) = receiver.requests
    assert url == "http://localhost/alarms"
    received = json.loads(body)
    assert received["text"] == "voltage is stuck."
    assert (received["state"], received["severity"], received["service"]) == (
        "open",
        "critical",
        "tsforecast",
    )
    expected = hmac.new(b"secret", b"1000." + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"t=1000,v1={expected}"


def test_without_a_secret_nothing_is_signed():
    receiver = Receiver()
    webhook(receiver, secret=None).deliver({"text": "x"})
    assert SIGNATURE not in receiver.requests[0][2]


def test_a_failed_attempt_is_repeated_after_growing_pauses_with_the_same_delivery(capsys):
    receiver, pauses = Receiver(OSError("refused"), OSError("status 503")), []
    hook = webhook(receiver, pauses, attempts=5)
    assert hook.deliver({"text": "x"})
    assert pauses == [1.0, 2.0]
    assert len({headers[DELIVERY] for _, _, headers in receiver.requests}) == 1
    assert hook.deliveries.delivered == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_it_gives_up_after_the_last_attempt_and_at_once_where_it_is_refused():
    receiver = Receiver(*[OSError("down")] * 9)
    hook = webhook(receiver, attempts=3)
    assert not hook.deliver({"text": "x"})
    assert len(receiver.requests) == 3
    refused = Receiver(Refused("status 401"))
    assert not webhook(refused, attempts=3).deliver({"text": "x"})
    assert len(refused.requests) == 1
    assert hook.deliveries.failed == 1


def test_the_number_per_hour_is_limited_and_the_next_alarm_counts_the_others():
    now = [0.0]
    hook = webhook(Receiver(), clock=lambda: now[0], max_per_hour=2)
    for number in range(5):
        hook.put(alarm(number))
    assert [content["number"] for content in drain(hook)] == [0, 1]
    now[0] = 3601.0
    hook.put(alarm(9))
    (content,) = drain(hook)
    assert (content["number"], content["left_out"]) == (9, 3)
    assert hook.deliveries.left_out == 3


def test_mild_alarms_are_not_sent_and_ends_are():
    hook = webhook(Receiver(), min_severity="warning")
    hook.put(alarm(severity="info"))
    hook.put(alarm(severity="warning", end=90))
    (content,) = drain(hook)
    assert (content["state"], content["end"]) == ("ended", 90)


def test_a_full_queue_never_blocks(monkeypatch):
    monkeypatch.setattr("tsforecast.monitoring.webhook.MAX_WAITING", 3)
    hook = webhook(Receiver(), max_per_hour=10_000)
    for number in range(10):
        hook.put(alarm(number))
    assert hook.deliveries.left_out == 7


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response({"/moved": 302, "/bad": 400, "/busy": 503}.get(self.path, 204))
            if self.path == "/moved":
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    received = []
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", received
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_an_alarm_reaches_a_real_server_from_the_thread(server):
    url, received = server
    hook = Webhook(options(f"{url}/alarms"), b"secret")
    hook.start()
    hook.put(alarm(7))
    for _ in range(200):
        if hook.deliveries.delivered:
            break
        threading.Event().wait(0.01)
    hook.stop()
    assert [(path, json.loads(body)["number"]) for path, body in received] == [("/alarms", 7)]


def test_no_redirect_is_followed_and_refusals_are_told_from_failures(server):
    url, received = server
    with pytest.raises(OSError, match="302"):
        post(f"{url}/moved", b"{}", {}, 5.0)
    with pytest.raises(Refused):
        post(f"{url}/bad", b"{}", {}, 5.0)
    with pytest.raises(OSError, match="503"):
        post(f"{url}/busy", b"{}", {}, 5.0)
    assert [path for path, _ in received] == ["/moved", "/bad", "/busy"]
    with pytest.raises(OSError, match="refused"):
        post("http://127.0.0.1:9/", b"{}", {}, 1.0)
