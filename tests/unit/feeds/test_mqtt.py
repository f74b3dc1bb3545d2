"""Rows from a real broker: acknowledged once they are stored, and kept while nobody listens."""

import json
import time

import pytest
from paho.mqtt import publish

from tests.helpers.mosquitto import BROKER, find_port, mosquitto
from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.errors import UserError
from tsforecast.feeds.mqtt import MqttFeed
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.arrivals import RowReader

READER = RowReader(ModelMetadata.from_task(make_task(), make_metadata()))


def send(port, *rows, topic="plant/rows"):
    for row in rows:
        payload = row if isinstance(row, str) else json.dumps(row)
        publish.single(topic, payload, qos=1, hostname="127.0.0.1", port=port)


def row(minute, load=1.5):
    return {"time": f"2024-01-01T00:{minute:02d}:00", "values": {"load": load, "pressure": 1.0}}


def receive(feed, count):
    """Return the loads of ``count`` rows, and their batches."""
    loads, batches, end = [], [], time.monotonic() + 10
    while len(loads) < count and time.monotonic() < end:
        batch = feed.poll(READER)
        if batch is not None:
            loads += [json.loads(content)["load"] for _, content in batch.records]
            batches.append(batch)
    return loads, batches


@pytest.mark.skipif(BROKER is None, reason="no mosquitto here")
def test_messages_are_received_confirmed_and_kept(tmp_path):
    port = find_port()
    url = f"mqtt://127.0.0.1:{port}/plant/+"
    with mosquitto(tmp_path, port):
        feed = MqttFeed(url)
        wait_until_subscribed(feed, port)
        send(port, row(1, 1.0), {"rows": [row(2, 2.0), row(3, 3.0)]})
        loads, batches = receive(feed, 3)
        assert loads == [1.0, 2.0, 3.0]
        for batch in batches:
            feed.confirm(batch)
        send(port, row(4, 4.0))
        assert receive(feed, 1)[0] == [4.0]  # and not confirmed
        time.sleep(0.3)
        feed.close()
        send(port, row(5, 5.0))  # while nobody listens
        again = MqttFeed(url)
        loads, batches = receive(again, 2)
        assert loads == [4.0, 5.0]
        assert batches[0].may_repeat
        for batch in batches:
            again.confirm(batch)
        send(port, "no json", row(6, 6.0))
        loads, batches = receive(again, 1)
        problems = [problem for batch in batches for problem in batch.problems]
        assert loads == [6.0]
        assert problems == ["A message of plant/rows was left out: The body is not valid JSON."]
        again.close()


def wait_until_subscribed(feed, port):
    """Send rows of another topic until one arrives."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        send(port, row(0), topic="plant/probe")
        batch = feed.poll(READER)
        if batch is not None:
            feed.confirm(batch)
            break
    while (batch := feed.poll(READER)) is not None:
        feed.confirm(batch)


@pytest.mark.skipif(BROKER is None, reason="no mosquitto here")
def test_a_broker_that_restarts_is_found_again(tmp_path):
    port = find_port()
    with mosquitto(tmp_path, port):
        feed = MqttFeed(f"mqtt://127.0.0.1:{port}/plant/#")
        wait_until_subscribed(feed, port)
    with mosquitto(tmp_path, port):
        send(port, row(1, 7.0))
        assert receive(feed, 1)[0] == [7.0]
        feed.close()


@pytest.mark.parametrize("url", ["mqtt://host", "mqtt:///topic", "http://host/topic"])
def test_a_url_without_host_or_topic_is_refused(url):
    with pytest.raises(UserError, match="must be mqtt://HOST/TOPIC"):
        MqttFeed(url)


def test_a_broker_that_cannot_be_reached_is_refused():
    with pytest.raises(UserError, match=r"the broker 127\.0\.0\.1 cannot be reached"):
        MqttFeed(f"mqtt://127.0.0.1:{find_port()}/rows")
