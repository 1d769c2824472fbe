"""Lists the experiments under a folder of results, newest first."""

from __future__ import annotations

import time

import pandas as pd

from analysis.configurations import configurations
from analysis.load import Results, load
from analysis.wording.formats import Table
from search.errors import SearchError
from search.experiment.remote.claim import is_written
from search.experiment.remote.resumable import experiments_of
from search.experiment.remote.store import ResultsPath, Store


def experiments(results: ResultsPath) -> Table:
    """Return one row for each experiment in a folder, near or far: its state, its trials, its metric's best value.

    Raises SearchError where there is none. An experiment that cannot be read is listed with the reason.
    """
    found = experiments_of(results)
    if not found:
        raise SearchError(f"no experiments in {results}; make one by: python -m search.run spaces/digits_filters.py")
    frame = pd.DataFrame([_row(folder) for folder in found])
    return Table(frame.dropna(axis="columns", how="all"), (f"python -m analysis.compare {found[0]}",))


def _row(folder: ResultsPath) -> dict[str, object]:
    row: dict[str, object] = {"experiment": folder.name, "state": None, "trials": None}
    try:
        results = load(str(folder))
    except SearchError as error:
        return {**row, "state": "unreadable", "question": str(error)}
    manifest = results.sources[0].manifest
    row.update(state=_state(manifest.state, folder), trials=len(results.first_runs))
    row.update(complete=int((results.first_runs["state"] == "complete").sum()))
    row.update(metric=results.metric, best=_best(results))
    return {**row, "written": _age(_written(folder)), "question": manifest.question or None}


def _best(results: Results) -> float | None:
    try:
        return float(configurations(results)["mean"].iloc[0])
    except SearchError:
        return None


def _state(state: str, folder: ResultsPath) -> str:
    """Return the state; a search that says it runs, but to which no driver writes, was cut off."""
    if state != "running":
        return state
    return "running" if is_written(folder) else "cut off"


def _written(folder: ResultsPath) -> float:
    """Return when the folder's tables or manifest were last written."""
    if isinstance(folder, Store):
        stored = [*folder.list(recursive=False).values(), *folder.list("trials").values()]
        return max((info.mtime.timestamp() for info in stored if info.mtime is not None), default=0.0)
    return max(path.stat().st_mtime for path in [folder / "manifest.json", *folder.glob("trials*")])


def _age(moment: float) -> str:
    seconds = max(time.time() - moment, 0)
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
