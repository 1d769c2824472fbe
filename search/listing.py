"""The experiments that there are, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.errors import SearchError
from search.experiment import find_experiments, read_manifest, read_trials
from search.experiment.folder import is_held
from search.progress import show_value


def print_experiments(console: Console, results: Path) -> None:
    """One line for each experiment: name, state, trials that ended, best, when it was begun, its question."""
    if results.exists() and not results.is_dir():
        raise SearchError(f"{results} is no folder; expected the folder of experiments. Name it with --results.")
    found = find_experiments(results)
    if not found:
        console.print(f"no experiment in {results}. Make one: python -m search.run spaces/branin.py", highlight=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "state", "trials", "best", "begun (UTC)", "question"):
        table.add_column(heading, no_wrap=heading != "question")
    for folder in found:
        table.add_row(*map(Text, (folder.name, *_row(folder))))
    console.print(table)


def _row(folder: Path) -> list[str]:
    try:
        manifest = read_manifest(folder)
        space = manifest["space"]
        table = read_trials(folder).table
    except (SearchError, KeyError) as error:
        return ["damaged", "", "", "", str(error)]
    states = table["state"].to_pylist() if len(table) else []
    metric = space["metric"]
    values = table[metric].to_pylist() if metric in table.column_names else []
    complete = [v for v, state in zip(values, states, strict=False) if state == "complete" and v is not None]
    choose = max if space["mode"] == "max" else min
    best = f"{metric} {show_value(choose(complete))}" if complete else ""
    ended = sum(state != "running" for state in states)
    return [
        _state(folder, manifest),
        str(ended),
        best,
        str(manifest["created_at"])[:16].replace("T", " "),
        manifest["question"],
    ]


def _state(folder: Path, manifest: dict[str, Any]) -> str:
    state = str(manifest["state"])
    return "cut off" if state == "running" and not is_held(folder) else state
