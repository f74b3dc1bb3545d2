"""The result of a chaos run as Markdown."""

from collections import Counter, defaultdict


def as_markdown(result):
    """Return the tables of a result."""
    lines = [
        f"{result['minutes']:g} minutes at {result['rate']:g} requests per second, seed {result['seed']}; the full"
        f" disk is {result['disk']}.",
        "",
        *_events(result),
        "",
        *_requests(result),
        "",
        *_records(result),
        "",
        *_memory(result),
    ]
    for failure in result["failures"]:
        lines.append(f"- {failure['at']:g} s: {failure['failure']}")
    return "\n".join(lines)


def _events(result):
    groups = defaultdict(list)
    for event in result["events"]:
        groups[event["event"]].append(event)
    yield "| fault | times | what came of it | failures |"
    yield "|---|---:|---|---:|"
    for name, events in sorted(groups.items()):
        outcomes = Counter(_without_versions(event["outcome"]) for event in events)
        words = ", ".join(f"{outcome} ({count})" for outcome, count in outcomes.most_common(4))
        yield f"| {name.replace('_', ' ')} | {len(events)} | {words} | {sum(e['failures'] for e in events)} |"


def _without_versions(outcome):
    return "swapped" if " to v" in outcome else outcome


def _requests(result):
    table = defaultdict(Counter)
    for entry in result["requests"]:
        column = "answered" if entry["status"] == "200" else entry["during"] or "failed"
        table[entry["kind"]][column] += entry["count"]
    columns = ("answered", "restart", "full disk", "failed")
    yield "| request | answered | refused in a restart | refused on a full disk | failed |"
    yield "|---|---:|---:|---:|---:|"
    for kind, counts in sorted(table.items()):
        yield f"| {kind} | {' | '.join(f'{counts[column]:,}' for column in columns)} |"


def _records(result):
    yield "| acknowledged | records | lost |"
    yield "|---|---:|---:|"
    for name, count in result["acknowledged"].items():
        yield f"| {name} | {count:,} | {result['lost'][name]} |"


def _memory(result):
    lives = [life for life in result["lives"] if life["first_mb"]]
    most = max((life["most_mb"] / life["first_mb"] for life in lives), default=0)
    longest = max((life["seconds"] for life in lives), default=0)
    yield (
        f"The service was started {len(result['lives'])} times and was away for {result['restart_seconds']:g} s; its"
        f" longest life was {longest:,} s. Memory reached at most {most:.2f} times that of 20 s after a start. "
        f"{len(result['versions'])} versions were in service; {len(result['failures'])} failures."
    )
