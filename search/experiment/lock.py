"""The lock of an experiment folder: one driver at a time writes to it, and a node knows by it which folder it sees."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TextIO

from search.errors import SearchError

LOCK = ".lock"


def take_lock(root: Path) -> TextIO:
    """Take the lock of a folder, which ends with this process, however it ends; raises SearchError where it is held."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / LOCK).open("a", encoding="utf-8")
    except OSError as error:
        raise SearchError(f"{root} cannot be written ({error.strerror}); give another folder by --results.") from None
    if not _lock(lock):
        lock.close()
        raise SearchError(
            f"another search is writing to {root}; wait until it has ended, or give this one another --name."
        ) from None
    if not _is_still(root / LOCK, lock):  # Another driver took its experiment back, or moved it away, meanwhile.
        lock.close()
        return take_lock(root)
    return lock


def _is_still(path: Path, lock: TextIO) -> bool:
    """Return whether a path leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    except OSError:
        return False


def _lock(lock: TextIO) -> bool:
    """Return whether the lock could be had; `is_held` of another process has it for some microseconds."""
    for pause_s in (0.02, 0.1, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(pause_s)
    return False


def is_held(root: Path) -> bool:
    """Return whether a driver writes to the folder now; a manifest says `running` also after its driver was killed."""
    try:
        with (root / LOCK).open("r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def sees(root: Path, token: str) -> bool:
    """Return whether this machine sees the folder of the driver with that `token`, and not another of the same path."""
    try:
        return not token or (root / LOCK).read_text(encoding="utf-8") == token
    except OSError:
        return False
