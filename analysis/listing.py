"""Lists the experiments under a folder of results, newest first."""

from __future__ import annotations

import shlex
import time

import pandas as pd

from analysis.configurations import configurations
from analysis.load import Results, load
from analysis.wording.formats import Table
from search.errors import SearchError
from search.experiment.remote.claim import present_state
from search.experiment.remote.resumable import experiments_of
from search.experiment.remote.store import ResultsPath, Store, reason


def experiments(results: ResultsPath) -> Table:
    """Return one row for each experiment in a folder, near or far: its state, its trials, its metric's best value.

    Raises SearchError where there is none. An experiment that cannot be read is listed with the reason.
    """
    found = experiments_of(results)
    if not found:
        raise SearchError(f"no experiments in {results}; make one by: python -m search.run spaces/digits_filters.py")
    frame = pd.DataFrame([_row(folder) for folder in found])
    return Table(frame.dropna(axis="columns", how="all"), (f"python -m analysis.compare {shlex.quote(str(found[0]))}",))


def _row(folder: ResultsPath) -> dict[str, object]:
    row: dict[str, object] = {"experiment": folder.name, "state": None, "trials": None}
    try:
        results = load(str(folder))
        manifest = results.sources[0].manifest
        row.update(state=present_state(folder, manifest.state), trials=len(results.first_runs))
        row.update(complete=int((results.first_runs["state"] == "complete").sum()))
        row.update(metric=results.metric, best=_best(results), written=_age(_written(folder)))
    except SearchError as error:
        return {**row, "state": "unreadable", "question": str(error)}
    except OSError as error:
        return {**row, "state": "unreadable", "question": reason(error)}
    return {**row, "question": manifest.question or None}


def _best(results: Results) -> float | None:
    try:
        return float(configurations(results)["mean"].iloc[0])
    except SearchError:
        return None


def _written(folder: ResultsPath) -> float:
    """Return when the folder's tables or manifest were last written."""
    if isinstance(folder, Store):
        stored = [*folder.list(recursive=False).values(), *folder.list("trials").values()]
        return max((info.mtime.timestamp() for info in stored if info.mtime is not None), default=0.0)
    paths = [folder / "manifest.json", *folder.glob("trials*")]
    return max(path.stat().st_mtime for path in paths if path.exists())  # A search that ends replaces its parts.


def _age(moment: float) -> str:
    seconds = max(time.time() - moment, 0)
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
