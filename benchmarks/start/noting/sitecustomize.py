"""Notes when a process passes the stations of a search's start, without a line in the code that is measured.

Python imports a module of this name first in every process that has its folder on PYTHONPATH: in the command, in the
workers of Ray that it starts, and in the processes that train. The file that STATIONS_FILE names gets a line for each
station: the time in seconds since the epoch, the process, the station.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

IMPORTS = {"keras": "TensorFlow imported"}
"""Stations that are passed when a module has been imported."""
CALLS = {
    "search.planning.make_plan": ("make_plan", "plan ready"),
    "ray": ("init", "Ray up"),
    "search.driver.trial_queue": ("TrialQueue.next", "first proposal"),
    "trainables.datasets.load": ("load_data", "data open"),
    "search.sampling.sampling": ("Sampling.report", "first epoch"),
    "keras.src.callbacks.callback_list": ("CallbackList.on_epoch_end", "first epoch"),
    "search.screen.summary": ("print_summary", "summary on the screen"),
}
"""Stations that are passed when a function of a module, or a method of its class, has returned for the first time."""


class _Finder(MetaPathFinder):
    """Finds the modules of IMPORTS and CALLS where they are, and lets them be noted when they have been executed."""

    def __init__(self) -> None:
        self._looking: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._looking or not (fullname in IMPORTS or fullname in CALLS):
            return None
        self._looking.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking.discard(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = _then_noted(loader.exec_module, fullname)
        return spec


def _then_noted(execute: Callable[[ModuleType], None], name: str) -> Callable[[ModuleType], None]:
    def exec_module(module: ModuleType) -> None:
        execute(module)
        if name in IMPORTS:
            _note(IMPORTS[name])
        if name in CALLS:
            _note_returns(module, *CALLS[name])

    return exec_module


def _note_returns(module: ModuleType, path: str, station: str) -> None:
    """Put in place of a function one that does the same and notes that it has returned."""
    *owners, last = path.split(".")
    owner = functools.reduce(getattr, owners, module)
    original = getattr(owner, last)

    @functools.wraps(original)
    def noted(*positional: Any, **named: Any) -> Any:
        found = original(*positional, **named)
        _note(station)
        return found

    setattr(owner, last, noted)


@functools.cache
def _note(station: str) -> None:
    """Write a line, once for each station and process; a forked process that has passed it before notes nothing."""
    with open(os.environ["STATIONS_FILE"], "a", encoding="utf-8") as file:  # noqa: PTH123  # pathlib costs its import
        file.write(f"{time.time()}\t{os.getpid()}\t{station}\n")


if "STATIONS_FILE" in os.environ:
    sys.meta_path.insert(0, _Finder())
