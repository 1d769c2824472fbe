"""Search over a space: command line, scheduling, sampling, results. From Python: `run_search` and `Experiment`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.from_python import Experiment as Experiment
    from search.from_python import run_search as run_search

__all__ = ["Experiment", "run_search"]


def __getattr__(name: str) -> Any:
    """What is imported when it is first asked for: a space file, or a process that trains, needs none of it."""
    if name in __all__:
        return getattr(import_module("search.from_python"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
