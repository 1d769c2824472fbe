"""What does the search itself cost? Trials that do nothing, or only sleep, so that nothing else is measured.

    python -m search.run benchmarks/spaces/nothing.py --trials 1000 --sampler random
    python -m search.run benchmarks/spaces/nothing.py --set sleep_s=1

A third of the trials can be made to fail (`failing=1`); with `epochs=4` and --stopping median most are pruned.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from search.space import Float, Space


def train(config: dict[str, Any], trial: object) -> Iterator[dict[str, float]]:
    """Sleep `sleep_s` in all, and yield `x` after each of the `epochs`."""
    for _ in range(config["epochs"]):
        time.sleep(config["sleep_s"] / config["epochs"])
        yield {"value": math.nan if config["failing"] and config["x"] < 1 / 3 else config["x"]}


space = Space(
    trainable=train,
    parameters={"x": Float(0, 1)},
    fixed={"epochs": 1, "sleep_s": 0.0, "failing": 0},
    metric="value",
    mode="min",
    stopping="none",
    trials=100,
)
