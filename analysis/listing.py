"""Lists the experiments under a folder of results, newest first."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from analysis.configurations import configurations
from analysis.load import Results, load
from analysis.wording.formats import Table
from search.errors import SearchError
from search.experiment.existing import find_experiments
from search.experiment.lock import is_held


def experiments(results: Path) -> Table:
    """Return one row for each experiment: its state, its trials, and the best value of its metric.

    Raises SearchError where there is none. An experiment that cannot be read is listed with the reason.
    """
    found = find_experiments(results)
    if not found:
        raise SearchError(f"no experiments in {results}; make one by: python -m search.run spaces/digits_filters.py")
    frame = pd.DataFrame([_row(folder) for folder in found])
    return Table(frame.dropna(axis="columns", how="all"), (f"python -m analysis.compare {found[0]}",))


def _row(folder: Path) -> dict[str, object]:
    row: dict[str, object] = {"experiment": folder.name, "state": None, "trials": None}
    try:
        results = load(folder)
    except SearchError as error:
        return {**row, "state": "unreadable", "question": str(error)}
    manifest = results.sources[0].manifest
    row.update(state=_state(manifest.state, folder), trials=len(results.first_runs))
    row.update(complete=int((results.first_runs["state"] == "complete").sum()))
    row.update(metric=results.metric, best=_best(results))
    return {**row, "written": _age(_written(folder)), "question": manifest.question}


def _best(results: Results) -> float | None:
    try:
        return float(configurations(results)["mean"].iloc[0])
    except SearchError:
        return None


def _state(state: str, folder: Path) -> str:
    """Return the state; a search that says it runs, but to which no driver writes, was cut off."""
    return "cut off" if state == "running" and not is_held(folder) else state


def _written(folder: Path) -> float:
    """Return when the folder's tables or manifest were last written."""
    return max(path.stat().st_mtime for path in [folder / "manifest.json", *folder.glob("trials*")])


def _age(moment: float) -> str:
    seconds = max(time.time() - moment, 0)
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
