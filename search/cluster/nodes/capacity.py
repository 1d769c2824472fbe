"""What the nodes of a cluster have, and what its autoscaler may still add."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import ray

from search.cluster.nodes.calls import living
from search.driver.workers.placement import FreeResources
from search.planning.resources import Resources
from search.space.per_trial import Shape

REFRESH_S = 2.0
"""How old what is known of the nodes may be: nodes come and go."""
_READ_BYTES = 1 << 20
"""How much of a cluster file is read at most."""
_KUBERAY = "RAY_USAGE_STATS_KUBERAY_IN_USE"
"""A variable that KubeRay's operator sets in its containers."""


def nodes() -> dict[str, Resources]:
    """Ray's id -> resources of each node that is alive."""
    return {node["NodeID"]: node["Resources"] for node in living()}


def addable(config: Mapping[str, Any], alive: Mapping[str, Resources]) -> list[Resources]:
    """Resources of the nodes that the autoscaler may still add, by its cluster file `config`, to those `alive`.

    A node does not tell of which kind of the file it is, so that it counts for the kind with as many CPUs and GPUs.
    """
    kinds = config.get("available_node_types") or {}
    head = config.get("head_node_type", "ray.head.default")
    there = Counter(_size(node) for node in alive.values())
    added: list[Resources] = []
    for name, kind in kinds.items():
        resources = {key: float(value) for key, value in (kind.get("resources") or {}).items()}
        most = int(kind.get("max_workers", config.get("max_workers", 0)) or 0)
        if name == head or not resources:
            continue
        already = min(there[_size(resources)], most)
        there[_size(resources)] -= already
        added += [resources] * (most - already)
    most_in_all = int(config.get("max_workers") or len(added)) - max(0, len(alive) - 1)
    return added[: max(0, most_in_all)]


def _size(node: Resources) -> tuple[float, float]:
    return node.get("CPU", 0.0), node.get("GPU", 0.0)


def autoscaler_config(shapes: Sequence[Shape], at_once: int | None) -> Mapping[str, Any]:
    """The cluster file that this cluster's autoscaler works by; empty without one, or where it cannot be read.

    Ray publishes the kinds of nodes nowhere, so the file is read with which the head's autoscaler was started: the
    driver must run on the head, as it does under `ray exec` and `ray job submit`. Under KubeRay, whose autoscaler runs
    in a container of its own, as many trials as are allowed `at_once` count as what may be had.
    """
    config = _started_with()
    if config or not at_once or _KUBERAY not in os.environ:
        return config
    largest = {"CPU": max(shape.cpus for shape in shapes), "GPU": max(shape.gpus for shape in shapes)}
    return {"max_workers": at_once, "available_node_types": {"assumed": {"resources": largest, "max_workers": at_once}}}


def _started_with() -> Mapping[str, Any]:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if not any(word.endswith("monitor.py") for word in words) or not _is_of_this_cluster(words):
            continue
        for word in words:
            if word.startswith("--autoscaling-config="):
                return _read(Path(word.partition("=")[2]).expanduser())
    return {}


def _is_of_this_cluster(words: list[str]) -> bool:
    return f"--gcs-address={ray.get_runtime_context().gcs_address}" in words


def _read(path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415  # an extra of Ray's own, there wherever its autoscaler runs

    try:
        with path.open("rb") as file:
            read = yaml.safe_load(file.read(_READ_BYTES))
    except (OSError, yaml.YAMLError):
        return {}
    return read if isinstance(read, Mapping) else {}


class NodeCapacities:
    """What all nodes, present and possible, have while they are empty; asked for anew every few seconds."""

    def __init__(self, autoscaler: Mapping[str, Any]) -> None:
        self._autoscaler, self._asked = autoscaler, -REFRESH_S
        self._capacities: dict[str, FreeResources] = {}

    def __call__(self) -> dict[str, FreeResources]:
        """By the node's id; a node that is not there yet stands under a number."""
        if time.monotonic() - self._asked > REFRESH_S:
            self._asked, alive = time.monotonic(), nodes()
            every = {**alive, **{f"+{i}": node for i, node in enumerate(addable(self._autoscaler, alive))}}
            self._capacities = {name: when_empty(node) for name, node in every.items()}
        return self._capacities


def when_empty(node: Resources) -> FreeResources:
    """What is free on a node while nobody is on it."""
    return FreeResources(node.get("CPU", 0.0), [1.0] * int(node.get("GPU", 0)))
