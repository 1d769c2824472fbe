"""The Ray cluster of a search: started here or joined, and how many trials fit on it at once."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from search.errors import SearchError

# Ray and Tune read these when they are imported or started. Results are ours to store and to show.
_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Our own folder is the durable state.
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1000000000",
    "TUNE_RESULT_BUFFER_LENGTH": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})

import ray  # noqa: E402  # after the settings that it reads

Resources = Mapping[str, float]


@contextmanager
def connected(address: str, cpus: int | None = None) -> Iterator[list[Resources]]:
    """A cluster for as long as the context lasts: the resources of each of its nodes.

    `local` starts one on this machine and ends it again; `auto` or HOST:PORT joins one. Raises SearchError where
    there is none.
    """
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    try:
        if address == "local":
            ray.init(address="local", num_cpus=cpus or usable_cpus(), **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SearchError(
            f"no Ray cluster at {address!r} ({reason}); start one with `ray start --head`, or leave --address out."
        ) from None
    try:
        yield [node["Resources"] for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


def usable_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local_resources() -> list[Resources]:
    """What the node of a local cluster will have, before it is started; GPUs as far as they are visible here."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = len([name for name in visible.split(",") if name.strip() not in ("", "-1")]) if visible is not None else None
    if gpus is None:
        gpus = len([entry for entry in _listdir("/dev") if entry.startswith("nvidia") and entry[6:].isdigit()])
    return [{"CPU": float(usable_cpus()), "GPU": float(gpus)}]


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208  # names only, of a folder that may be absent
    except OSError:
        return []


def slots(nodes: list[Resources], cpus: float, gpus: float, limit: int | None) -> int:
    """How many trials run at once; raises SearchError where not one fits on any node."""
    fitting = [_fitting(node, cpus, gpus) for node in nodes]
    if sum(fitting) == 0:
        most_cpus = max((node.get("CPU", 0) for node in nodes), default=0)
        most_gpus = max((node.get("GPU", 0) for node in nodes), default=0)
        raise SearchError(
            f"a trial asks for {cpus:g} CPUs and {gpus:g} GPUs, and no node has them: the largest "
            f"has {most_cpus:g} CPUs and {most_gpus:g} GPUs. Lower --cpus-per-trial or --gpus-per-trial."
        )
    return min(sum(fitting), limit or sum(fitting))


def _fitting(node: Resources, cpus: float, gpus: float) -> int:
    by_cpu = math.floor(node.get("CPU", 0) / cpus + 1e-9)
    if not gpus:
        return by_cpu
    per_gpu = math.floor(1 / gpus + 1e-9) if gpus < 1 else 0
    by_gpu = int(node.get("GPU", 0)) * per_gpu if gpus < 1 else math.floor(node.get("GPU", 0) / gpus)
    return min(by_cpu, by_gpu)
