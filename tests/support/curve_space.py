"""Which learning rate suits a family of learning curves? A search without data or Keras.

Its epochs are slow enough to be watched until the file exists that CURVES_HURRY names.
"""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from search.space import Choice, Float, Space


def train(config: dict[str, float], trial: object) -> Iterator[dict[str, float]]:
    """Yield the curve of one learning rate."""
    rate = float(config["learning_rate"])
    print(f"a trial with learning_rate={rate:.3g}")
    if rate > 0.06:
        raise ValueError("this learning rate is too large")
    final = 0.95 - 0.06 * (math.log10(rate) + 2.5) ** 2
    for epoch in range(1, 10):
        if not Path(os.environ["CURVES_HURRY"]).exists():
            time.sleep(1.2)
        value = final * (1 - math.exp(-0.4 * epoch))
        yield {"epoch": epoch, "accuracy": value + 0.01, "val_accuracy": value}


space = Space(
    trainable=train,
    parameters={"learning_rate": Float(1e-5, 1e-1, log=True), "network": Choice("wide", "deep")},
    fixed={"epochs": 9},
    metric="val_accuracy",
    mode="max",
    sampler="random",
    trials=30,
)
