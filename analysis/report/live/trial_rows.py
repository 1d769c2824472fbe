"""Keeps the table of trials for the live page: columns, and the rows that are new since the page last asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.load import Results
from analysis.report.live.plain import Plain, column
from analysis.report.live.standing import latest_epochs
from search.experiment.schema import headings


def columns(results: Results) -> list[str]:
    """Return the names of the columns as a reader sees them: the trial, how it did, its settings, who ran it."""
    return list(headings(_columns(results)).values())


def _columns(results: Results) -> list[str]:
    """Return their names in the table of trials."""
    trials = results.trials
    several = ["experiment"] * (len(results.sources) > 1)
    tests = [name for name in ("test_accuracy",) if name in trials and name != results.metric]
    several_seeds = ["seed"] * ("seed" in trials and trials["seed"].nunique() > 1)
    known = [name for name in ("train_seconds", "worker", "error") if name in trials and trials[name].notna().any()]
    settings = results.varied or results.searched
    names = [*several, "trial_id", "state", results.metric, *tests, "epochs", *settings, *several_seeds, *known]
    return list(dict.fromkeys(names))


def rows(results: Results) -> dict[str, list[Plain]]:
    """Return the values of each trial by its key; a running trial has its latest epoch and the metric after it."""
    trials = _with_running(results)
    lists = [column(trials[name]) if name in trials else [None] * len(trials) for name in _columns(results)]
    return dict(zip(trials["key"].astype(str), map(list, zip(*lists, strict=True)), strict=True))


def _with_running(results: Results) -> pd.DataFrame:
    trials, metric = results.trials, results.metric
    latest = latest_epochs(results)
    running = (trials["state"] == "running") & trials["key"].astype(str).isin(latest)
    if not running.any():
        return trials
    keys = trials.loc[running, "key"].astype(str)
    filled = trials.copy()
    for name, position in (("epochs", 0), (metric, 1)):
        values = filled[name].astype(object) if name in filled else pd.Series(None, filled.index, dtype=object)
        values[running] = [latest[key][position] for key in keys]
        filled[name] = values
    return filled


@dataclass
class Changes:
    """Remembers at which reading each row last changed, so that a page that asks again gets the new ones."""

    _rows: dict[str, list[Plain]] = field(default_factory=dict)
    _changed_at: dict[str, int] = field(default_factory=dict)
    _columns: list[str] = field(default_factory=list)

    def take(self, number: int, results: Results) -> None:
        """Take in the reading of this number; where the columns differ, every row counts as new."""
        found, names = rows(results), columns(results)
        if names != self._columns or self._rows.keys() - found.keys():
            self._rows, self._changed_at, self._columns = {}, {}, names
        for key, row in found.items():
            if self._rows.get(key) != row:
                self._rows[key], self._changed_at[key] = row, number

    def since(self, number: int) -> dict[str, Any]:
        """Return `columns`, and as `rows` those that changed after the reading of this number, by key; 0 is for all."""
        new = {key: row for key, row in self._rows.items() if self._changed_at[key] > number}
        return {"columns": self._columns, "rows": new, "count": len(self._rows)}
