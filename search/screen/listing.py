"""Lists the experiments that there are, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.table import Table
from rich.text import Text

from search.console import Console
from search.errors import SearchError
from search.experiment.disk import disk_use
from search.experiment.existing import find_experiments
from search.experiment.manifest import read_manifest
from search.experiment.parts import TableRead
from search.experiment.remote.claim import present_state
from search.experiment.remote.resumable import experiments_in
from search.experiment.remote.store import ResultsPath, Store, reason
from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from search.goals import Goals, Values, means
from search.wording import show_value


def print_experiments(console: Console, results: ResultsPath) -> None:
    """Print a line for each experiment: name, state, ended trials, best value, size, start and question."""
    rows = _rows_in_store(results) if isinstance(results, Store) else _rows_in_folder(results)
    if not rows:
        console.result(f"no experiment in {results}. Make one: python -m search.run spaces/branin.py")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    headings = ["name", "state", "trials", "best", "MiB", "begun (UTC)"]
    headings += ["question"] * any(row[-1] for row in rows)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "question")
    for row in rows:
        table.add_row(*map(Text, row[: len(headings)]))
    console.result(table)


def _rows_in_store(stores: Store) -> list[list[str]]:
    stores.check()
    found = experiments_in(stores)
    begun = {name: "" if isinstance(read, SearchError) else str(read.get("created_at")) for name, read in found.items()}
    return [_row(stores.child(name), found[name]) for name in sorted(found, key=begun.__getitem__, reverse=True)]


def _rows_in_folder(results: Path) -> list[list[str]]:
    if results.exists() and not results.is_dir():
        raise SearchError(f"{results} is not a folder; expected the folder of experiments. Name it with --results.")
    return [_row(root, _manifest_or_error(root)) for root in find_experiments(results)]


def _manifest_or_error(root: Path) -> dict[str, Any] | SearchError:
    try:
        return read_manifest(root)
    except SearchError as error:
        return error


def _row(experiment: ResultsPath, manifest: dict[str, Any] | SearchError) -> list[str]:
    """Return a row of the table, which tells the error where there is no manifest."""
    try:
        if isinstance(manifest, SearchError):
            raise manifest
        trials = read_trials(experiment) if isinstance(experiment, Path) else _stored_trials(experiment)
        return [
            experiment.name,
            present_state(experiment, str(manifest["state"])),
            str(_ended(trials.table)),
            _best(trials.table, manifest["space"]),
            f"{disk_use(experiment).total / 2**20:.1f}",
            str(manifest["created_at"])[:16].replace("T", " "),
            str(manifest["question"]),
        ]
    except (SearchError, KeyError, TypeError, ValueError, AttributeError) as error:  # A manifest from elsewhere.
        return [experiment.name, "damaged", "", "", "", "", str(error)]
    except OSError as error:
        return [experiment.name, "unreadable", "", "", "", "", reason(error)]


def _stored_trials(experiment: Store) -> TableRead:
    return read_trials(experiment.path, experiment.files)


def _column(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist() if name in table.column_names else []


def _best(table: pa.Table, space: Mapping[str, Any]) -> str:
    """Return the best value of the metric among the complete trials, an empty text where there is none.

    Of a configuration with several runs it is their mean, as the summary of a search and the analysis have it. Of
    several objectives it is the values of the trial that leads their front, and the number of trials on it.
    """
    goals, runs = Goals.of(space), dict[str, list[Values]]()
    for row in table.to_pylist():
        values = goals.values(row)
        if row["state"] == TrialState.COMPLETE and values is not None and not row.get("violates"):
            runs.setdefault(row.get("repeat_of") or row["trial_id"], []).append(values)
    scores = {first: means(found) for first, found in runs.items()}
    front = goals.front(scores)
    if not front:
        return ""
    told = ", ".join(f"{name} {show_value(v)}" for name, v in zip(goals.directions, scores[front[0]], strict=True))
    return f"{told}; front of {len(front)}" if goals.objectives else told


def _ended(table: pa.Table) -> int:
    """Return how many configurations have ended; repeats are none."""
    states = _column(table, "state")
    again = _column(table, "repeat_of") or [None] * len(states)
    return sum(state != TrialState.RUNNING and not first for state, first in zip(states, again, strict=True))
