"""The Ray cluster of a search: started here or joined, and left again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.resources import Resources, usable_cpus

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
    "RAY_prestart_worker_first_driver": "0",  # Spare processes that no actor takes, half a second of a core each.
}
os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})

import ray  # noqa: E402  # after the settings that it reads

# Ray shows the log of a node that died, dozens of lines, in the driver's output, and has no setting against it.
ray._private.worker._worker_logs_enabled = False


@contextmanager
def connected(address: str, cpus: int | None = None) -> Iterator[list[Resources]]:
    """A cluster for as long as the context lasts: the resources of each of its nodes.

    `local` starts one on this machine and ends it again; `auto` or HOST:PORT joins one. Raises SearchError where
    there is none.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    for name in ("ray.tune", "ray.train"):  # A lost worker is an event of ours, one line; Tune has a traceback for it.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    try:
        if address == "local":
            ray.init(address="local", num_cpus=cpus or usable_cpus(), **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="error", runtime_env=shipped_code(Path.cwd()))
    except Exception as error:  # Ray raises its own, and bare ones where a daemon is slow to start.
        raise SearchError(_why_not(address, " ".join(str(error).split())[:200])) from None
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
