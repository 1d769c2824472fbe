"""Whether every node of a cluster can do its part: the same versions, the data in sight, results in reach."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ray

from search.cluster.nodes.calls import ask_nodes
from search.errors import SearchError
from search.experiment.folder import Experiment
from search.experiment.remote.store import Store, reason
from search.planning.plan import Plan
from search.planning.provenance import versions
from search.wording import one_line

TIMEOUT_S = 120.0
"""Longest time for a node to answer; a node may have to fetch the code first."""
STORE_TIMEOUT_S = 60.0
"""Longest time for a node to try the store."""
_MUST_MATCH = ("python", "ray", "tensorflow", "keras", "optuna", "numpy")


@dataclass(frozen=True)
class NodeView:
    """What one node has and sees."""

    name: str
    """Its address."""
    versions: dict[str, str]
    """Package -> version, as `search.planning.provenance.versions` tells it there."""
    sees_data: bool
    """Whether the data directory of the search is there."""
    sees_results: bool
    """Whether the driver's experiment folder is there."""


def check_nodes(plan: Plan, experiment: Experiment, warn: Callable[[str], None]) -> tuple[str, ...]:
    """Ask every node that is there, and give back Ray's ids of them.

    Raises SearchError for a node that has other versions than the driver or lacks the data. That a node cannot reach
    the results is only announced: metrics travel to the driver by themselves, checkpoints and models do not.
    """
    token = experiment.root / f".seen-by-all-{uuid.uuid4().hex}"
    token.touch()
    data_dir = str(plan.data_dir.resolve()) if plan.data_dir else None
    try:
        answers = ask_nodes(partial(look, data_dir=data_dir, token=str(token.resolve())), TIMEOUT_S)
    finally:
        token.unlink(missing_ok=True)
    views = []
    for node, view in answers:
        if isinstance(view, ray.exceptions.RayError):
            why = one_line(view)[:200]
            raise SearchError(
                f"node {node['NodeManagerAddress']} cannot run this project ({why}); install it there as on the "
                "driver's machine."
            )
        check_view(view, plan)
        views.append(view)
    blind = [view.name for view in views if not view.sees_results]
    if blind:
        for line in what_blind_nodes_lack(blind, experiment.root, plan.store, store_failures(plan.store)):
            warn(line)
    return tuple(node["NodeID"] for node, _ in answers)


def look(name: str, data_dir: str | None, token: str) -> NodeView:
    """What the node on which this runs has and sees; `token` is a file of the experiment folder."""
    return NodeView(name, versions(), data_dir is None or Path(data_dir).is_dir(), Path(token).exists())


def check_view(view: NodeView, plan: Plan) -> None:
    """Raise SearchError for a node with other versions than the driver's, or without the data."""
    here = versions()
    for package in _MUST_MATCH:
        if view.versions.get(package) != here.get(package):
            raise SearchError(
                f"node {view.name} has {package} {view.versions.get(package, 'missing')}, the driver has "
                f"{here.get(package, 'none')}; install the same version on both."
            )
    if not view.sees_data:
        raise SearchError(
            f"node {view.name} does not see the data directory {plan.data_dir}; put the data there too, or share it."
        )
    if plan.space.population is not None and plan.store is None and not view.sees_results:
        raise SearchError(
            f"node {view.name} cannot reach {plan.root}, by which the members of a population hand on their "
            "checkpoints; name a folder that all nodes share, or an object store, by --results."
        )


def store_failures(store: Store | None) -> dict[str, str]:
    """Address of a node -> why it cannot write to the store; nodes that can are left out."""
    if store is None:
        return {}
    failures: dict[str, str] = {}
    for node, failure in ask_nodes(partial(_try, store), STORE_TIMEOUT_S):
        if failure is not None:
            name = node["NodeManagerAddress"]
            failures[name] = failure if isinstance(failure, str) else reason(failure)
    return failures


def _try(store: Store, name: str) -> str | None:
    """Why the node on which this runs cannot write to the store; None where it can."""
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
    """Lines for the user about nodes (`blind`) that do not see the experiment folder `root`.

    `failures` says of some of them why they cannot write to the store either.
    """
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
