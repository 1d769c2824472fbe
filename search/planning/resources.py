"""How many trials fit on the nodes at once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.errors import SearchError
from search.space.per_trial import Shape

Resources = Mapping[str, float]
"""How many cores (`CPU`) and GPUs (`GPU`) a node has, under the names that Ray gives them."""


def usable_cpus() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local_resources() -> list[Resources]:
    """Return the cores and GPUs of this machine that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        gpus = sum(name.strip() not in ("", "-1") for name in visible.split(","))
    else:
        gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return [{"CPU": float(usable_cpus()), "GPU": float(gpus)}]


def slots(nodes: Sequence[Resources], shapes: Sequence[Shape], limit: int | None) -> int:
    """Return how many trials of the smallest shape run at once; raises SearchError for a shape that fits nowhere."""
    fitting = []
    for shape in shapes:
        fitting.append(sum(_fitting(node, shape) for node in nodes))
        if fitting[-1] == 0:
            most_cpus = max((node.get("CPU", 0) for node in nodes), default=0)
            most_gpus = max((node.get("GPU", 0) for node in nodes), default=0)
            raise SearchError(
                f"a trial asks for {shape.cpus:g} CPUs and {shape.gpus:g} GPUs, and no node has them: the largest "
                f"has {most_cpus:g} CPUs and {most_gpus:g} GPUs. Lower --cpus-per-trial or --gpus-per-trial."
            )
    return min(max(fitting), limit or max(fitting))


def _fitting(node: Resources, shape: Shape) -> int:
    """Return how many trials of a shape fit on a node."""
    by_cpu = math.floor(node.get("CPU", 0) / shape.cpus + 1e-9)
    if not shape.gpus:
        return by_cpu
    if shape.gpus < 1:  # A share of a GPU never spans two GPUs.
        return min(by_cpu, int(node.get("GPU", 0)) * math.floor(1 / shape.gpus + 1e-9))
    return min(by_cpu, math.floor(node.get("GPU", 0) / shape.gpus))
