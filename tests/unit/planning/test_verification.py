"""The table of ratios."""

from tsforecast.planning.verification import markdown, rows_outside_tolerance


def row(ratio, model="lstm", batch=32, step="train"):
    return {
        "model": model,
        "policy": "mixed",
        "batch_size": batch,
        "step": step,
        "ratio": ratio,
        "measured": 2e6,
    }


def test_rows_outside_the_tolerance_are_listed_and_counted():
    ratios = [row(1.1), row(0.84, batch=256), row(0.86, step="infer")]
    assert rows_outside_tolerance(ratios) == [ratios[1]]
    text = markdown(
        {
            "ratios": ratios,
            "outside": rows_outside_tolerance(ratios),
            "device": "a processor",
            "versions": {"keras": "3.15.1"},
            "resolved": {"mixed": "mixed_bfloat16"},
            "batches": [32, 256],
            "policies": ["mixed"],
        }
    )
    assert "on a processor; mixed is mixed_bfloat16; keras 3.15.1." in text
    assert "| lstm | 1.10 (2.0 MB) | 0.84 (2.0 MB) |" in text
    assert "| lstm | 0.86 (2.0 MB) | – |" in text
    assert "2 of 3 are within 15 %." in text
