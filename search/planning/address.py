"""Whether a Ray cluster answers at an address, known in a moment: Ray itself would wait for minutes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

from search.errors import SearchError

WAIT_S = 3.0
_SERVER = "gcs_server"
"""The process that every Ray cluster has on its head."""
_LATEST = Path("/tmp/ray/ray_current_cluster")
"""Where `ray start` writes the address of its cluster; it stays when the cluster has died."""


def check_address(address: str) -> None:
    """Raise SearchError where nothing answers at HOST:PORT, or at what `auto` stands for on this machine."""
    if address == "auto":
        _check_auto()
    elif (reason := _unreachable(address)) is not None:
        raise SearchError(f"no Ray cluster answers at {address} ({reason}); {_WAYS}")


def _check_auto() -> None:
    named = os.environ.get("RAY_ADDRESS")
    if named and named != "auto":
        reason = _unreachable(named)
    elif _server_runs_here():
        reason = None
    else:
        latest = _LATEST.read_text(encoding="utf-8").strip() if _LATEST.is_file() else None
        reason = _unreachable(latest) if latest else "none was started here"
        named = latest or ""
    if reason is not None:
        raise SearchError(f"--address auto finds no Ray cluster{f' at {named}' if named else ''} ({reason}); {_WAYS}")


def _unreachable(address: str) -> str | None:
    """Why nobody answers there; None when somebody does."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        return "that is no HOST:PORT"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT_S).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def _server_runs_here() -> bool:
    return any(process.info["name"] == _SERVER for process in psutil.process_iter(["name"]))


_WAYS = "start one with `ray start --head`, or leave --address out to search on this machine."
