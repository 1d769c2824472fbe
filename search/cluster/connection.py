"""The Ray cluster of a search: started here or joined, and left again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from search.cluster.local.daemons import daemons_left_out
from search.errors import SearchError
from search.planning.resources import Resources, usable_cpus
from search.wording import one_line

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
            with daemons_left_out():
                ray.init(address="local", num_cpus=cpus or usable_cpus(), **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="error", runtime_env=shipped_code(Path.cwd()))
    except Exception as error:  # Ray raises its own, and bare ones where a daemon is slow to start.
        raise SearchError(_why_not(address, one_line(error)[:200])) from None
    try:
        yield [node["Resources"] for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


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
