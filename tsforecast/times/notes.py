"""Notes on what was done to rows to put them on a regular grid."""

from tsforecast.times.frequency import Frequency


def untimed_note(rows: int) -> tuple[str, ...]:
    """Return a note on rows without a time, if there are any."""
    return (f"{rows:,} rows without a time were left out.",) if rows else ()


def order_note(backwards: int) -> tuple[str, ...]:
    """Return a note on steps back in time, if there are any."""
    if not backwards:
        return ()
    return (f"The rows were not in order of time ({backwards:,} steps back) and were sorted.",)


def moved_note(moved: int, step: Frequency) -> tuple[str, ...]:
    """Return a note on timestamps that were moved onto the steps, if there are any."""
    if not moved:
        return ()
    return (f"{moved:,} timestamps lay between the steps of {step.describe()} and were moved onto them.",)


def shared_note(shared: int, duplicates: str | None) -> tuple[str, ...]:
    """Return a note on rows that share their step with another, if there are any."""
    if not shared:
        return ()
    if duplicates in ("mean", "sum"):
        return (f"{shared:,} rows shared their step with another; the {duplicates} of each step was taken.",)
    other = "an earlier" if duplicates == "first" else "a later"
    return (
        f"{shared:,} rows shared their step with {other} one; the {duplicates or 'last'} of each was kept.",
    )


def missing_note(missing: int, rows: int) -> tuple[str, ...]:
    """Return a note on steps without a row, if there are any."""
    if not missing:
        return ()
    return (f"{missing:,} of {rows:,} timestamps were missing; their rows count as unobserved.",)
