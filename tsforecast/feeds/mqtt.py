"""Rows from an MQTT broker; needs paho-mqtt (extra ``mqtt``)."""

from __future__ import annotations

import hashlib
import queue
import time
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from tsforecast.errors import UserError, install_hint
from tsforecast.feeds.batch import MAX_ROWS, Batch, Reader, Record

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 30
POLL_SECONDS = 0.5
QOS = 1
MAX_WAITING = 100_000


class MqttFeed:
    """Subscribes to a topic; a message is acknowledged to the broker once its rows are stored.

    The session is persistent: the broker keeps messages that arrive while the service is stopped. A message is a row
    as ``POST /v1/rows`` takes it, or several.

    Args:
        url: ``mqtt://host:port/topic`` or ``mqtts://...``, maybe with user and password; the topic may have wildcards.

    Raises:
        UserError: The URL is wrong, paho-mqtt is missing, or the broker cannot be reached.
    """

    def __init__(self, url: str):
        parts, self.topic = parse_broker(url)
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.host = parts.hostname or ""
        self._messages: queue.Queue[MQTTMessage] = queue.Queue(MAX_WAITING)
        self._denied: str | None = None
        identity = hashlib.sha256(f"{self.host}/{self.topic}".encode()).hexdigest()[:12]
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, f"tsforecast-{identity}", clean_session=False, manual_ack=True
        )
        if parts.scheme == "mqtts":
            self._client.tls_set()
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        self._client.on_connect, self._client.on_message = self._subscribe, self._take
        try:
            self._client.connect(self.host, parts.port or PORTS[parts.scheme], KEEPALIVE_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(f"serve.feed: the broker {self.host} cannot be reached ({error}).") from None
        self._client.loop_start()  # connects again by itself

    def poll(self, reader: Reader) -> Batch | None:
        """Return the rows of messages that have arrived; None if none comes within half a second."""
        if self._denied is not None:
            raise UserError(self._denied)
        messages: list[MQTTMessage] = []
        records, problems = list[Record](), list[str]()
        end = time.monotonic() + POLL_SECONDS
        while len(records) < MAX_ROWS:
            try:
                timeout = max(0.0, end - time.monotonic()) if not messages else 0.0
                message = self._messages.get(timeout=timeout) if timeout else self._messages.get_nowait()
            except queue.Empty:
                break
            messages.append(message)
            try:
                records += reader.read_json(bytes(message.payload)).records
            except UserError as error:
                problems.append(f"A message of {message.topic} was left out: {error}")
        if not messages:
            return None
        may_repeat = any(message.dup for message in messages)
        return Batch(records, problems=problems, messages=messages, may_repeat=may_repeat)

    def confirm(self, batch: Batch) -> None:
        """Acknowledge the messages of a batch to the broker."""
        for message in batch.messages:
            self._client.ack(message.mid, message.qos)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Leave the broker, which keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            self._denied = f"serve.feed: the broker {self.host} refuses the connection ({reason})."
        else:
            self._denied = None
            client.subscribe(self.topic, qos=QOS)

    def _take(self, client: object, userdata: object, message: MQTTMessage) -> None:
        self._messages.put(message)


def parse_broker(url: str) -> tuple[SplitResult, str]:
    """Return the parts of a URL and its topic, once it is clear that it can be subscribed to.

    Raises:
        UserError: The URL is wrong, or paho-mqtt is missing.
    """
    try:
        import paho.mqtt.enums  # noqa: F401
    except ImportError:
        raise UserError(f"serve.feed needs paho-mqtt: {install_hint('mqtt')}.") from None
    parts = urlsplit(url)
    topic = unquote(parts.path[1:])
    if parts.fragment:  # the wildcard # of a topic is written as it is
        topic += f"#{parts.fragment}"
    elif url.endswith("#"):
        topic += "#"
    if parts.scheme not in PORTS or not (parts.hostname and topic):
        raise UserError("serve.feed must be mqtt://HOST/TOPIC, as in mqtt://broker.example:1883/plant/rows.")
    return parts, topic
