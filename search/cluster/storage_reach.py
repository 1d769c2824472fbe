"""What a node that does not see the experiment folder can still keep, told before training."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from search.cluster.node_calls import ask_nodes
from search.errors import SearchError
from search.experiment.remote.store import Store, reason

TIMEOUT_S = 60.0
"""Longest time for a node to try the store."""


def store_failures(store: Store | None) -> dict[str, str]:
    """Why nodes cannot write to the store, by their address; those that can are left out."""
    if store is None:
        return {}
    failures: dict[str, str] = {}
    for node, failure in ask_nodes(partial(_try, store), TIMEOUT_S):
        if failure is not None:
            name = node["NodeManagerAddress"]
            failures[name] = failure if isinstance(failure, str) else reason(failure)
    return failures


def _try(store: Store, name: str) -> str | None:
    """Runs on the node."""
    probe = f".probe-{uuid.uuid4().hex}"
    try:
        store.write(probe, b"")
        store.remove(probe)
    except (OSError, SearchError) as error:
        return reason(error)
    return None


def what_blind_nodes_lack(
    blind: Sequence[str], root: Path, store: Store | None, failures: Mapping[str, str]
) -> list[str]:
    """One line for each thing that the user should know of nodes that do not see the folder."""
    lost = "metrics are stored all the same, but trials there save no checkpoint and no model"
    blind = list(dict.fromkeys(blind))
    if store is None:
        return [
            f"NOTE: {', '.join(blind)} cannot reach {root}: {lost}. Name a folder that all nodes share, or an object "
            "store, by --results."
        ]
    lines = [
        f"NOTE: {name} can write neither to {root} nor to {store.plain} ({failures[name]}): {lost}. Give that node "
        "network and credentials for the store."
        for name in blind
        if name in failures
    ]
    able = [name for name in blind if name not in failures]
    if able:
        lines.append(f"{', '.join(able)}: checkpoints and models go to {store.plain} directly.")
    return lines
