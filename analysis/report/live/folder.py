"""Reads the results in folders to which a search may be writing: anew when they have changed, and not too often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as pafs

from analysis.load import Results, load, locate
from analysis.stored.manifest import MANIFEST
from search.errors import SearchError
from search.experiment.remote.store import reason
from search.experiment.schema import EPOCHS, TRIALS

SHORTEST_S = 0.8
"""Shortest time between two readings, in seconds."""
SHARE = 0.1
"""Largest share of the time that may go into reading: a store, or a long search, is read less often."""

Stamp = tuple[tuple[str, object, int | None], ...]


@dataclass(frozen=True)
class Reading:
    """What was read, when, and a number that differs from that of another reading only where the folder changed."""

    results: Results
    number: int
    read_at: float
    """Time of the reading, in seconds since the epoch."""
    written_at: float | None
    """When a file of the folder was last written, by the clock of where it lies, in seconds since the epoch."""


class WatchedFolder:
    """Reads experiments by their addresses; `read` may be called by several threads."""

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Read once; raises SearchError where there is no experiment."""
        self._addresses, self._clock = tuple(addresses), clock
        self._places = [locate(address) for address in self._addresses]
        self._lock = threading.Lock()
        self._number = 0
        self._cost_s = 0.0
        self._stamp: Stamp = ()
        self._reading: Reading | None = None
        self._looked_at = clock()
        self.read(now=True)

    def read(self, now: bool = False) -> Reading:
        """Return the latest reading, after a new one where it is old enough (or `now`) and a file has changed since."""
        with self._lock:
            begun = self._clock()
            if self._reading and not now and begun - self._looked_at < max(SHORTEST_S, self._cost_s / SHARE):
                return self._reading
            stamp = self._stamp_of_files()  # Before the reading: what comes in between is a change the next time.
            if self._reading is None or stamp != self._stamp:
                results = load(*self._addresses)
                self._stamp = stamp
                self._number += 1
                self._reading = Reading(results, self._number, time.time(), _written_at(stamp))
            self._looked_at = self._clock()
            self._cost_s = self._looked_at - begun
            return self._reading

    def _stamp_of_files(self) -> Stamp:
        """Return name, size and time of every file of manifests and tables; raises SearchError for a silent store."""
        found: list[pafs.FileInfo] = []
        for files, root in self._places:
            single = [f"{root}/{name}" for name in (MANIFEST, f"{TRIALS}.parquet", f"{EPOCHS}.parquet")]
            try:
                found += files.get_file_info(single)
                for table in (TRIALS, EPOCHS):
                    folder = pafs.FileSelector(f"{root}/{table}", allow_not_found=True)
                    found += files.get_file_info(folder)
            except (OSError, pa.ArrowException) as error:
                raise SearchError(f"{root} cannot be read ({reason(error)}); check address and network.") from None
        return tuple((info.path, info.size, info.mtime_ns) for info in found)


def _written_at(stamp: Stamp) -> float | None:
    """Return the latest time of a stamp, in seconds since the epoch, or None where no file has one."""
    times = [nanoseconds / 1e9 for _, _, nanoseconds in stamp if nanoseconds is not None]
    return max(times, default=None)
