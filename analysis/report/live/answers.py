"""Answers what the live page asks for, each by one function of the folder: plain values, sentences, pictures."""

from __future__ import annotations

import threading
import time
import uuid
from functools import lru_cache
from typing import Any

from analysis.figures import KINDS
from analysis.load import Results
from analysis.report.live import drawn, standing
from analysis.report.live.details import details
from analysis.report.live.folder import Reading, WatchedFolder
from analysis.report.live.trial_rows import Changes
from analysis.report.page import page
from analysis.report.pictures import embedded, upright
from analysis.report.words import answer
from search.errors import SearchError


class Answers:
    """Gives the answers of one server; a long one is computed once for each reading, by one thread at a time."""

    def __init__(self, folder: WatchedFolder) -> None:
        self._folder = folder
        self._changes, self._taken = Changes(), 0
        self._lock = threading.Lock()
        self._server = uuid.uuid4().hex[:8]
        """Tells a page that asks again after a restart that its reading is of another server."""

    def state(self, since: str, now: bool = False) -> dict[str, Any] | None:
        """Return where the search stands, or None where the reading `since`, as the page has it, said the same."""
        reading = self._folder.read(now)
        results = reading.results
        # A search that is killed writes nothing, but its state changes all the same.
        states = ",".join(standing.state(source) for source in results.sources)
        token = f"{self._server}-{reading.number}-{states}"
        if since == token:
            return None
        server, number, *_ = [*since.split("-"), ""]
        known = int(number) if server == self._server and number.isdecimal() else 0
        with self._lock:
            if self._taken < reading.number:
                self._changes.take(reading.number, results)
                self._taken = reading.number
            rows = self._changes.since(known)
        best = standing.best(results)
        return {
            "token": token,
            "whole": known == 0,
            "now": time.time(),
            "written": reading.written_at,
            "metric": results.metric,
            "mode": results.mode,
            "experiments": standing.experiments(results),
            "counts": standing.counts(results),
            "wanted": standing.wanted(results),
            "times": standing.times(results),
            "best": best,
            "workers": standing.workers(results),
            "progress": drawn.best_so_far(results),
            "curves": drawn.curves(results, best["key"] if best else None),
            "stopped": drawn.stopped(results),
            "trials": rows,
            "figures": {name: kind.caption for name, kind in KINDS.items()},
            "wrong": [*results.wrong, *results.wrong_epochs],
        }

    def trial(self, key: str) -> dict[str, Any]:
        """Return one trial; raises SearchError where no trial has that key."""
        return details(self._folder.read().results, key)

    def words(self) -> list[tuple[str, list[str]]]:
        """Return the answer in sentences; raises SearchError where no trial has finished."""
        reading = self._folder.read()
        with self._lock:
            return _words(reading)

    def picture(self, kind: str, phone: bool) -> tuple[bytes, str]:
        """Return a figure and its media type; raises SearchError where there are no data for it."""
        if kind not in KINDS:
            raise SearchError(f"there is no figure {kind!r}; expected one of: {', '.join(KINDS)}.")
        reading = self._folder.read()
        with self._lock:
            return _picture(reading, kind, phone)

    def report(self) -> str:
        """Return the whole report as one file; raises SearchError where no trial has finished."""
        reading = self._folder.read()
        with self._lock:
            return page(reading.results)


@lru_cache(maxsize=2)
def _words(reading: Reading) -> list[tuple[str, list[str]]]:
    return answer(reading.results)


@lru_cache(maxsize=64)
def _picture(reading: Reading, kind: str, phone: bool) -> tuple[bytes, str]:
    results: Results = reading.results
    return (upright(kind, results), "image/png") if phone else embedded(kind, results)
