"""Faults under load: ``python -m benchmarks.chaos --minutes 60``.

A temporary registry, 20 requests per second (rows, windows, observations, status), and one fault after the other:
kills of service and retraining, swaps, two retraining runs at once, damaged champions, a full disk, clocks that jump.
The run fails if anything acknowledged is lost, a request fails outside a restart or a full disk, the champion is ever
one that was not promoted or does not load, or memory grows.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from benchmarks.chaos.disk import NAMESPACE, namespace_command
from benchmarks.chaos.report import as_markdown


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--minutes", type=float, default=60, help="each fault comes at least once in any case"
    )
    parser.add_argument("--rate", type=float, default=20, help="requests per second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file with the result")
    parser.add_argument("--events", nargs="+", help="only these faults")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        result = run(Path(folder), options)
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(as_markdown(result))
    return int(bool(result["failures"]))


def run(folder, options):
    """Run until the time is up; return the result."""
    from benchmarks.chaos.events import EVENTS
    from benchmarks.chaos.world import BACKLOG, World

    world = World(folder, options.seed, options.rate)
    try:
        world.prepare()
        world.start_service()
        world.traffic.send_rows(world.traffic.take_rows(BACKLOG))
        events = [event for event in EVENTS if options.events is None or event.__name__ in options.events]
        with world.traffic:
            done = make_faults(world, events, options.minutes)
        return conclude(world, done, options)
    finally:
        world.close()


def make_faults(world, events, minutes):
    """Make faults in random order, each at least once, until the time is up; return what came of them."""
    began, done, rounds = time.monotonic(), [], 0
    pause = (1.0, 10.0) if minutes > 5 else (0.0, 0.3)
    while not rounds or time.monotonic() - began < 60 * minutes:
        for event in world.random.sample(events, len(events)):
            if rounds and time.monotonic() - began >= 60 * minutes:
                break
            time.sleep(world.random.uniform(*pause))
            done.append(make_fault(world, event))
        rounds += 1
    return done


def make_fault(world, event):
    """Make one fault, and check the champion after it."""
    from benchmarks.chaos.checks import check_champion

    began, failures = time.monotonic(), len(world.ledger.failures)
    try:
        outcome = event(world)
        for problem in check_champion(world):
            world.ledger.fail(f"{event.__name__}: {problem}")
    except Exception as error:  # the next faults come all the same
        traceback.print_exc()
        outcome = f"failed: {error or type(error).__name__}"
        world.ledger.fail(f"{event.__name__}: {outcome}")
    entry = {
        "event": event.__name__,
        "at": round(began - world.ledger.began, 1),
        "seconds": round(time.monotonic() - began, 1),
        "outcome": outcome,
        "failures": len(world.ledger.failures) - failures,
    }
    print(f"{entry['at']:7.1f} s  {event.__name__:<22}{entry['seconds']:6.1f} s  {outcome}", flush=True)
    return entry


def conclude(world, done, options):
    """Stop, check everything once more, and return the result."""
    from benchmarks.chaos.checks import find_lost, is_sound

    ledger = world.ledger
    code = world.stop()
    if code:
        ledger.fail(f"the service ended with {code} after SIGTERM")
    lost = {name: len(items) for name, items in find_lost(world).items()}
    for name, count in lost.items():
        if count:
            ledger.fail(f"{count} acknowledged {name} are not in the journal")
    if not is_sound(world.journal):
        ledger.fail("the journal is damaged")
    lives = [life.summary() for life in world.lives if life.began is not None]
    check_memory(ledger, lives)
    return {
        "minutes": round((time.monotonic() - ledger.began) / 60, 1),
        "rate": options.rate,
        "seed": options.seed,
        "disk": world.disk.name,
        "events": done,
        "requests": [
            {"kind": kind, "status": status, "during": excuse, "count": count}
            for (kind, status, excuse), count in sorted(ledger.requests.items())
        ],
        "acknowledged": {
            "rows": len(ledger.rows),
            "observations": len(ledger.truths),
            "forecasts": len(ledger.forecasts),
        },
        "lost": lost,
        "versions": dict(Counter(move["version"] for move in world.registry.moves())),
        "restart_seconds": round(ledger.seconds("restart"), 1),
        "lives": lives,
        "journal_mb": round(world.journal.stat().st_size / 1e6, 1),
        "failures": ledger.failures,
    }


GROWTH = 1.5  # largest memory of a service as a multiple of that 20 s after its start


def check_memory(ledger, lives):
    """Fail if the memory of a service grew."""
    for life in lives:
        if life["first_mb"] and life["most_mb"] > GROWTH * life["first_mb"]:
            ledger.fail(f"memory grew from {life['first_mb']} to {life['most_mb']} MB in {life['seconds']} s")


if __name__ == "__main__":
    if NAMESPACE not in os.environ:
        command = namespace_command()
        if command is not None:
            os.environ[NAMESPACE] = "1"
            os.execvp(command[0], [*command, sys.executable, "-m", "benchmarks.chaos", *sys.argv[1:]])
    sys.exit(main())
