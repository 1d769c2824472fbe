"""Lists the experiments that there are, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.table import Table
from rich.text import Text

from search.console import Console
from search.errors import SearchError
from search.experiment.disk import disk_use
from search.experiment.existing import find_experiments
from search.experiment.lock import is_held
from search.experiment.manifest import read_manifest
from search.experiment.parts import TableRead
from search.experiment.remote.claim import is_claimed
from search.experiment.remote.resumable import experiments_in
from search.experiment.remote.store import ResultsPath, Store, reason
from search.experiment.schema import read_trials
from search.wording import show_value


def print_experiments(console: Console, results: ResultsPath) -> None:
    """Print a line for each experiment: name, state, ended trials, best value, size, start and question."""
    rows = _rows_in_store(results) if isinstance(results, Store) else _rows_in_folder(results)
    if not rows:
        console.result(f"no experiment in {results}. Make one: python -m search.run spaces/branin.py")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "state", "trials", "best", "MiB", "begun (UTC)", "question"):
        table.add_column(heading, no_wrap=heading != "question")
    for row in rows:
        table.add_row(*map(Text, row))
    console.result(table)


def _rows_in_store(stores: Store) -> list[list[str]]:
    stores.check()
    found = experiments_in(stores)
    newest_first = sorted(found, key=lambda name: str(found[name].get("created_at")), reverse=True)
    return [_row(stores.child(name), partial(found.__getitem__, name)) for name in newest_first]


def _rows_in_folder(results: Path) -> list[list[str]]:
    if results.exists() and not results.is_dir():
        raise SearchError(f"{results} is not a folder; expected the folder of experiments. Name it with --results.")
    return [_row(root, partial(read_manifest, root)) for root in find_experiments(results)]


def _row(experiment: ResultsPath, read: Callable[[], dict[str, Any]]) -> list[str]:
    """Return a row of the table; `read` returns the manifest, or raises SearchError."""
    try:
        manifest = read()
        trials = read_trials(experiment) if isinstance(experiment, Path) else _stored_trials(experiment)
        return [
            experiment.name,
            _state(experiment, manifest),
            str(sum(state != "running" for state in _column(trials.table, "state"))),
            _best(trials.table, manifest["space"]),
            f"{disk_use(experiment).total / 2**20:.1f}",
            str(manifest["created_at"])[:16].replace("T", " "),
            manifest["question"],
        ]
    except (SearchError, KeyError) as error:
        return [experiment.name, "damaged", "", "", "", "", str(error)]
    except OSError as error:
        return [experiment.name, "unreadable", "", "", "", "", reason(error)]


def _stored_trials(experiment: Store) -> TableRead:
    return read_trials(experiment.path, experiment.files)


def _column(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist() if name in table.column_names else []


def _best(table: pa.Table, space: Mapping[str, Any]) -> str:
    """Return the best value of the metric among the complete trials, an empty text where there is none."""
    metric = space["metric"]
    values = zip(_column(table, metric), _column(table, "state"), strict=False)
    complete = [value for value, state in values if state == "complete" and value is not None]
    choose = max if space["mode"] == "max" else min
    return f"{metric} {show_value(choose(complete))}" if complete else ""


def _state(experiment: ResultsPath, manifest: Mapping[str, Any]) -> str:
    """Return the manifest's state, or `cut off` where that is `running` and no driver holds the experiment."""
    state = str(manifest["state"])
    if state != "running":
        return state
    return state if (is_held(experiment) if isinstance(experiment, Path) else is_claimed(experiment)) else "cut off"
