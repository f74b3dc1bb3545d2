"""Facts and a slow plain reading of rules, for the tests of resolving and of the layer."""

import math

import numpy as np

from tsforecast.data.curves import Curve
from tsforecast.data.scaling import Scaler
from tsforecast.rules.resolve import DataFacts

CHANNELS = ("power", "voltage", "minute_of_day_sin", "minute_of_day_cos")


LINEAR = Scaler(np.array([1.0, 240.0, 0.1, -0.05]), np.array([0.5, 3.0, 0.7, 0.71]), (0,))
CURVES = {
    "linear": {},
    "asinh": {0: Curve("asinh", 1.2, 0.4), 1: Curve("asinh", 240.0, 2.0)},
    "log1p": {0: Curve("log1p", 0.0, 1.0), 1: Curve("log1p", 0.0, 1.0)},
}


def curved(method):
    """A scaler whose measured channels have a curve, or none with ``linear``."""
    curves, mean, scale = CURVES[method], LINEAR.mean.copy(), LINEAR.scale.copy()
    for channel, curve in curves.items():
        mean[channel], scale[channel] = curve.bend(mean[channel]), 0.3
    return Scaler(mean, scale, (0,), curves)


def facts(**changes):
    return DataFacts(
        **{
            "channels": CHANNELS,
            "scaler": LINEAR,
            "targets": ("power",),
            "target_indices": (0,),
            "training_range": [(0.2, 6.0)],
            "lookback": 40,
            "lead": 3,
            "horizon": 2,
            "season": 24,
            **changes,
        }
    )


def days(rng, windows, lookback, known):
    """Windows ``[n, L, 4]`` in the channels' units, and their scaled twin: jumps, flat stretches, a running clock."""
    power = np.round(np.abs(1 + 0.8 * rng.standard_normal((windows, lookback))).cumsum(1) % 3, 1)
    for row in power:
        start = rng.integers(0, lookback - 8)
        row[start : start + rng.integers(2, 9)] = row[start]
    voltage = np.round(240 + 3 * rng.standard_normal((windows, lookback)), 1)
    minute = (rng.integers(0, 288, (windows, 1)) * 5 + 5 * np.arange(lookback)) % 1440
    angle = 2 * math.pi * minute / 1440
    raw = np.stack([power, voltage, np.sin(angle), np.cos(angle)], axis=-1)
    return raw, known.scaler.transform(raw).astype(np.float32), minute


def holds(node, raw, minute, step, target=0):
    """Whether a parsed condition holds at one step of one window ``[L, C]``, by plain Python on the feature's unit."""
    kind = node["kind"]
    if kind == "always":
        return True
    if kind in ("all", "any", "not"):
        parts = [holds(part, raw, minute, step, target) for part in node["of"]]
        return {"all": all, "any": any, "not": lambda found: not found[0]}[kind](parts)
    if kind == "time_of_day":
        now = minute[step]
        if node["from"] < node["to"]:
            return node["from"] <= now < node["to"]
        return now >= node["from"] or now < node["to"]
    channel = target if node["feature"] is None else CHANNELS.index(node["feature"])
    values = [float(v) for v in raw[: step + 1, channel]]
    if kind == "flat":
        newest = values[-node["steps"] :]
        return len(newest) == node["steps"] and max(newest) - min(newest) <= node["tolerance"]
    if kind == "level":
        value = values[-1]
    elif kind == "jump":
        if len(values) <= node["steps"]:
            return False
        value = values[-1] - values[-1 - node["steps"]]
    else:
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        value = (values[-1] - mean) / deviation if deviation > 1e-9 else 0.0
    return (node["above"] is None or value > node["above"]) and (
        node["below"] is None or value < node["below"]
    )


def acted(action, forecast, raw, step, known, target=0):
    """One target's forecast ``[H]`` in its unit after a fully trusted action at one step, None without its values."""
    last = raw[step, target]
    out = []
    for h, value in enumerate(forecast):
        ahead = known.lead + h
        if action["kind"] == "hold":
            value = last
        elif action["kind"] == "clip":
            value = min(max(value, action["low"]), action["high"])
        elif action["kind"] == "ramp":
            value = min(max(value, last - action["down"] * ahead), last + action["up"] * ahead)
        else:
            seasons = 1
            while ahead - seasons * known.season > 0:
                seasons += 1
            row = step + ahead - seasons * known.season
            if row < 0:
                return None
            value = raw[row, target]
        out.append(value)
    return out
