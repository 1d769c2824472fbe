"""Which driver writes to a store: a marker object that it renews, and that another driver finds.

An object store has no lock. The marker keeps two drivers apart that start minutes apart, and of two that start within
the same second it leaves one: both write it, wait, and the one whose marker was written over gives up.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from search.errors import SearchError
from search.experiment.lock import is_held
from search.experiment.remote.store import ResultsPath, Store, writing
from search.experiment.states import SearchEnd

MARKER = ".driver"
RENEW_EVERY_S = 20.0
FRESH_S = 90.0
"""How long ago, by the clock of the store, a marker may have been renewed if its driver still lives."""
_BOTH_WRITE_S = 0.3
CUT_OFF = "cut off"
"""The state, in lists, of a search whose driver was killed."""


class Claim:
    """The marker of this driver, renewed by a thread until `release`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = uuid.uuid4().hex
        self._over = threading.Event()
        self.lost_to: str | None = None
        """The driver that took the store over, if one did."""
        self._thread = threading.Thread(target=self._run, name="claim", daemon=True)

    @classmethod
    def take(cls, store: Store) -> Claim:
        """Claim a store; raises SearchError where another driver writes to it, or where it cannot be written."""
        claim = cls(store)
        with writing(store):
            holder, age = read_claim(store)
            if holder is not None and _lives(holder, age):
                raise SearchError(
                    f"another search is writing to {store.plain} ({_told(holder)}); wait until it has ended"
                    f" (if it was killed, {FRESH_S - age:.0f} s), or give this one another --name."
                )
            claim._write()
            time.sleep(_BOTH_WRITE_S)
            claim._look()
        if claim.lost_to:
            raise SearchError(f"another search began to write to {store.plain} just now ({claim.lost_to}).")
        claim._thread.start()
        return claim

    def release(self) -> None:
        """Remove the marker, so that another driver may write."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._look()
            if self.lost_to is None:
                self._store.remove(MARKER)

    def _run(self) -> None:
        while not self._over.wait(RENEW_EVERY_S):
            with contextlib.suppress(OSError):  # The mirror tells the user when the store does not answer.
                self._look()
                if self.lost_to is not None:
                    return
                self._write()

    def _write(self) -> None:
        process = psutil.Process()
        marker = {"host": socket.gethostname(), "pid": process.pid, "begun": process.create_time(), "id": self._id}
        self._store.write(MARKER, json.dumps(marker).encode())

    def _look(self) -> None:
        holder = _read(self._store)
        if holder is not None and holder.get("id") != self._id:
            self.lost_to = _told(holder)


def is_claimed(store: Store) -> bool:
    """Return whether a driver seems to write to the store, by this machine's clock, without a write; raises OSError."""
    holder, info = _read(store), store.list(recursive=False).get(MARKER)
    if holder is None or info is None or info.mtime is None:
        return False
    return _lives(holder, (datetime.now(UTC) - info.mtime).total_seconds())


def is_written(experiment: ResultsPath) -> bool:
    """Return whether a driver writes to an experiment now, near or far: by its lock, or its marker; raises OSError."""
    return is_held(experiment) if isinstance(experiment, Path) else is_claimed(experiment)


def present_state(experiment: ResultsPath, stored: str) -> str:
    """Return the state of a search: the `stored` one of its manifest, or CUT_OFF where that says `running` wrongly.

    A driver that was killed could not say so; but none writes to its experiment any more. Raises OSError.
    """
    return CUT_OFF if stored == SearchEnd.RUNNING and not is_written(experiment) else stored


def read_claim(store: Store) -> tuple[dict[str, Any] | None, float]:
    """Return the marker, and its age in seconds by the clock of the store; raises OSError."""
    holder = _read(store)
    if holder is None:
        return None, 0.0
    probe = f"{MARKER}-{uuid.uuid4().hex}"
    store.write(probe, b"")
    times = {info.base_name: info.mtime for info in store.list(recursive=False).values() if info.mtime is not None}
    store.remove(probe)
    if MARKER not in times or probe not in times:
        return holder, 0.0
    return holder, (times[probe] - times[MARKER]).total_seconds()


def _read(store: Store) -> dict[str, Any] | None:
    try:
        marker = json.loads(store.read(MARKER))
    except (FileNotFoundError, ValueError):
        return None
    return marker if isinstance(marker, dict) else None


def _lives(holder: dict[str, Any], age: float) -> bool:
    return age < FRESH_S and not _died_here(holder)


def _died_here(holder: dict[str, Any]) -> bool:
    """Return whether the driver was a process of this machine that does not exist any more."""
    if holder.get("host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(holder["pid"]))
        return abs(process.create_time() - float(holder["begun"])) > 1 or process.status() == psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return True


def _told(holder: dict[str, Any]) -> str:
    return f"process {holder.get('pid')} on {holder.get('host')}"
