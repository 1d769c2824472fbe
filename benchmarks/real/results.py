"""What the searches had found when: a file of one line a run, and the table that is made of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.overhead import spread
from benchmarks.real.problem import PROBLEMS

SHARES = (0.5, 1.0)
"""Shares of the time at which the best value is told."""


@dataclass(frozen=True)
class Run:
    """One search of one system."""

    problem: str
    system: str
    seed: int
    seconds: float
    curve: list[tuple[float, float]]
    """Pairs (seconds, best validation accuracy so far), ascending."""
    epochs: int

    def best_at(self, seconds: float) -> float:
        """Return the best value at that time, 0 before the first epoch."""
        return max((value for at, value in self.curve if at <= seconds), default=0.0)

    def seconds_to(self, value: float) -> float | None:
        """Return when the value was there, or None if it never was."""
        return next((at for at, best in self.curve if best >= value), None)


def append(store: Path, run: Run) -> None:
    """Add a line to the store."""
    with store.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run.__dict__) + "\n")


def read(store: Path) -> list[Run]:
    """Return the runs of the store; there are none where there is no file."""
    if not store.exists():
        return []
    found = map(json.loads, store.read_text(encoding="utf-8").splitlines())
    return [Run(**{**line, "curve": [tuple(pair) for pair in line["curve"]]}) for line in found]


def table(runs: Sequence[Run]) -> str:
    """Return Markdown, one table a problem: medians over the seeds, with least and largest."""
    return "\n\n".join(_of_problem(name, [run for run in runs if run.problem == name]) for name in _names(runs))


def _names(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.problem for run in runs))


def _of_problem(name: str, runs: Sequence[Run]) -> str:
    asked = PROBLEMS[name].accuracies
    seconds = runs[0].seconds
    heads = [f"best at {share * seconds:g} s" for share in SHARES] + [f"s to {value:g}" for value in asked]
    lines = [f"| {name}, {seconds:g} s | {' | '.join(heads)} | epochs | seeds |"]
    lines.append("|---|" + "---:|" * (len(heads) + 2))
    for system in dict.fromkeys(run.system for run in runs):
        own = [run for run in runs if run.system == system]
        cells = [spread([run.best_at(share * seconds) for run in own], 4) for share in SHARES]
        cells += [_times([run.seconds_to(value) for run in own]) for value in asked]
        epochs = statistics.median(run.epochs for run in own)
        lines.append(f"| {system} | {' | '.join(cells)} | {epochs:.0f} | {len(own)} |")
    return "\n".join(lines)


def _times(times: Sequence[float | None]) -> str:
    """Return the median, a run that never came there counting as later than all, and how many came there."""
    there = sorted(at for at in times if at is not None)
    middle = statistics.median([*there, *[float("inf")] * (len(times) - len(there))])
    shown = "never" if middle == float("inf") else f"{middle:.1f}"
    return shown if len(there) == len(times) else f"{shown} ({len(there)} of {len(times)})"
