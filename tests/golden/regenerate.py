"""Rewrites ``golden.json``: ``python tests/golden/regenerate.py`` from the root. No test runs it.

Run it only after a change that is meant to change these figures, and say in the commit why they changed.
"""

import json
import os
import platform
import sys
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path[:0] = [str(Path(__file__).parents[2])]

import keras  # noqa: E402  after the environment that it reads
import tensorflow as tf  # noqa: E402

from tests.helpers.golden_models import loss_curve  # noqa: E402

if __name__ == "__main__":
    origin = f"Keras {keras.__version__}, TensorFlow {tf.__version__}, {platform.machine()}, CPU, float32"
    golden = {"made_with": origin, "lstm_loss_curve": loss_curve()}
    Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=2) + "\n")
    print(golden)
