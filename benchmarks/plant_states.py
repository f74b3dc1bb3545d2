"""Write a synthetic plant: its power moves toward the level of a state, which a plan knows ahead.

    python benchmarks/plant_states.py /tmp/plant.csv

The levels have no order, a product shifts them a little, and the states follow each other at random, so that neither
time nor power tells the next one.
"""

import sys
from pathlib import Path

import numpy as np

ROWS = 12_000  # of 15 minutes
LEVELS = {"idle": 5.0, "heating": 42.0, "running": 28.0, "cleaning": 12.0, "fault": 3.0}
PRODUCTS = {"A": 0.0, "B": 6.0, "C": -4.0}
HOLD, INERTIA, NOISE = 8, 0.4, 0.8  # mean rows in a state; share of the distance that remains; kW


def main(path: Path) -> None:
    """Write the file."""
    rng = np.random.default_rng(0)
    time = np.datetime64("2024-01-01T00:00", "s") + np.arange(ROWS) * np.timedelta64(900, "s")
    state, product = _hold(rng, list(LEVELS), HOLD), _hold(rng, list(PRODUCTS), 6 * HOLD)
    power, value = [], 5.0
    for row in range(ROWS):
        level = LEVELS[state[row]] + (PRODUCTS[product[row]] if state[row] == "running" else 0.0)
        value = level + INERTIA * (value - level) + NOISE * rng.normal()
        power.append(value)
    lines = [
        f"{str(stamp).replace('T', ' ')},{kw:.2f},{one},{other}"
        for stamp, kw, one, other in zip(time, power, state, product, strict=True)
    ]
    path.write_text("\n".join(["time,power,state,product", *lines]) + "\n")


def _hold(rng: np.random.Generator, names: list[str], mean: int) -> list[str]:
    """Return a name for each row, each held for a random number of rows."""
    rows: list[str] = []
    while len(rows) < ROWS:
        rows += [names[rng.integers(len(names))]] * (1 + rng.geometric(1 / mean))
    return rows[:ROWS]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
