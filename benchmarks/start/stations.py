"""Runs a contestant and finds when it passed each station from Enter to the prompt, and when its last process ended."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measuring.command import run_all
from benchmarks.measuring.contestants import Contestant

STATIONS = (
    "plan ready",
    "Ray up",
    "first proposal",
    "TensorFlow imported",
    "data open",
    "first epoch",
    "last trial ended",
    "summary on the screen",
    "prompt back",
    "last process gone",
)
"""In the order of the table; which comes first is found. A contestant that has no such station leaves it out."""
NOTING = Path(__file__).with_name("noting")
LONGEST_END_S = 20.0
"""Time in seconds after which processes that are still there are no longer waited for."""


def pass_stations(contestant: Contestant, trials: int, folder: Path) -> dict[str, float]:
    """Run a contestant with its files in an empty folder; return the seconds from Enter to each station."""
    notes = folder / "stations"
    notes.touch()
    path = os.pathsep.join(filter(None, [str(NOTING), os.environ.get("PYTHONPATH")]))
    began = time.time()
    run_all(contestant.commands(trials, folder), {**os.environ, "STATIONS_FILE": str(notes), "PYTHONPATH": path})
    ends = {"prompt back": time.time()}
    ends["last process gone"] = _last_end(f"STATIONS_FILE={notes}".encode())
    ends["last trial ended"] = contestant.read(folder).finished_at[-1]
    return {name: at - began for name, at in {**read_notes(notes), **ends}.items()}


def read_notes(notes: Path) -> dict[str, float]:
    """Return when each station was first passed, in seconds since the epoch; data are opened where they are trained on.

    The driver of this system, which makes the plan, opens them too, to know what they are.
    """
    lines = [line.split("\t") for line in notes.read_text(encoding="utf-8").splitlines()]
    planners = {process for _, process, station in lines if station == "plan ready"}
    found: dict[str, float] = {}
    for at, process, station in lines:
        if station != "data open" or process not in planners:
            found[station] = min(float(at), found.get(station, float(at)))
    return found


def _last_end(mark: bytes) -> float:
    """Wait until no process has the mark in its environment; return when that was, in seconds since the epoch."""
    until = time.time() + LONGEST_END_S
    while is_marked(mark) and time.time() < until:
        time.sleep(0.05)
    return time.time()


def is_marked(mark: bytes) -> bool:
    """Return whether any process has that line, `NAME=value`, in its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                return True
        except OSError:  # It has ended, or is another user's.
            continue
    return False


def in_order(medians: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the stations that were passed, the first one first."""
    return sorted(((name, medians[name]) for name in STATIONS if name in medians), key=lambda pair: pair[1])
