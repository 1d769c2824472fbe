"""The experiments that there are, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from search.console import Console
from search.errors import SearchError
from search.experiment.disk import disk_use
from search.experiment.existing import find_experiments
from search.experiment.lock import is_held
from search.experiment.manifest import read_manifest
from search.experiment.remote.claim import is_claimed
from search.experiment.remote.resumable import experiments_in, stored_manifest
from search.experiment.remote.store import Store, reason
from search.experiment.schema import read_trials
from search.wording import show_value


def print_experiments(console: Console, results: Path | Store) -> None:
    """One line for each experiment: name, state, trials that ended, best, room, when it was begun, its question."""
    found: list[Path] | list[Store]
    if isinstance(results, Store):
        results.check()
        found = _newest_first(results)
    elif results.exists() and not results.is_dir():
        raise SearchError(f"{results} is no folder; expected the folder of experiments. Name it with --results.")
    else:
        found = find_experiments(results)
    if not found:
        console.result(f"no experiment in {results}. Make one: python -m search.run spaces/branin.py")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "state", "trials", "best", "MiB", "begun (UTC)", "question"):
        table.add_column(heading, no_wrap=heading != "question")
    for folder in found:
        table.add_row(*map(Text, (folder.name, *_row(folder))))
    console.result(table)


def _newest_first(stores: Store) -> list[Store]:
    found = experiments_in(stores)
    return [stores.child(name) for name in sorted(found, key=lambda name: str(found[name].get("created_at")))[::-1]]


def _row(folder: Path | Store) -> list[str]:
    try:
        manifest = read_manifest(folder) if isinstance(folder, Path) else stored_manifest(folder) or {}
        space = manifest["space"]
        read = read_trials(folder) if isinstance(folder, Path) else read_trials(folder.path, folder.files)
        room = disk_use(folder)
        state = _state(folder, manifest)
    except (SearchError, KeyError) as error:
        return ["damaged", "", "", "", "", str(error)]
    except OSError as error:
        return ["unreadable", "", "", "", "", reason(error)]
    table = read.table
    states = table["state"].to_pylist() if len(table) else []
    metric = space["metric"]
    values = table[metric].to_pylist() if metric in table.column_names else []
    complete = [v for v, state in zip(values, states, strict=False) if state == "complete" and v is not None]
    choose = max if space["mode"] == "max" else min
    best = f"{metric} {show_value(choose(complete))}" if complete else ""
    ended = sum(state != "running" for state in states)
    return [
        state,
        str(ended),
        best,
        f"{room.total / 2**20:.1f}",
        str(manifest["created_at"])[:16].replace("T", " "),
        manifest["question"],
    ]


def _state(folder: Path | Store, manifest: dict[str, Any]) -> str:
    state = str(manifest["state"])
    if state != "running":
        return state
    return state if (is_held(folder) if isinstance(folder, Path) else is_claimed(folder)) else "cut off"
