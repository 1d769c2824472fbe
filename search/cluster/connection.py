"""The Ray cluster of a search: started here or joined, and left again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from search.errors import SearchError
from search.planning.resources import Resources, usable_cpus

# Ray shows the log of a node that died, dozens of lines, in the driver's output, and has no setting against it.
ray._private.worker._worker_logs_enabled = False


@contextmanager
def connected(address: str, cpus: int | None = None) -> Iterator[list[Resources]]:
    """A cluster for as long as the context lasts: the resources of each of its nodes.

    `local` starts one on this machine and ends it again; `auto` or HOST:PORT joins one. Raises SearchError where
    there is none.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    for name in ("ray.tune", "ray.train"):  # A lost worker is told in one line; Tune would show a traceback.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    try:
        if address == "local":
            with _daemons_left_out():
                ray.init(address="local", num_cpus=cpus or usable_cpus(), **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="error", runtime_env=shipped_code(Path.cwd()))
    except Exception as error:  # Ray raises its own, and bare ones where a daemon is slow to start.
        raise SearchError(_why_not(address, " ".join(str(error).split())[:200])) from None
    try:
        yield [node["Resources"] for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


_DAEMONS = ("start_monitor", "start_log_monitor", "start_api_server")
"""Of a node that Ray starts: its autoscaler, what shows its workers' output, its web server."""


@contextmanager
def _daemons_left_out() -> Iterator[None]:
    """Let Ray start without the daemons that a search on one machine never asks, and has no setting against.

    Each imports Ray anew, half a second of a core or more while the search starts, and is waited for when it ends.
    """
    node = ray._private.node.Node
    started = {name: getattr(node, name) for name in _DAEMONS if hasattr(node, name)}
    for name in started:
        setattr(node, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for name, start in started.items():
            setattr(node, name, start)


def _why_not(address: str, reason: str) -> str:
    if address == "local":
        return f"Ray did not start on this machine ({reason}); its logs are in /tmp/ray/session_latest/logs. Try again."
    return (
        f"no Ray cluster at {address!r}, or none that accepts this token ({reason}); start one with `ray start "
        "--head`, leave --address out, or set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to those of the cluster."
    )


def shipped_code(folder: Path) -> dict[str, Any]:
    """What every node is sent: the working directory without data, results and what a checkout does not need."""
    return {"working_dir": str(folder), "excludes": list(_NOT_SHIPPED)}


_NOT_SHIPPED = (".git", ".venv", "results", "data", "*.parquet", "*.npz", "*.tar", "*.keras", "*.h5", "__pycache__")
