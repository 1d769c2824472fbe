"""Lists the numbers that the live page draws: the best so far, curves as they grow, where trials were stopped."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.figures.progress import progress, survivors
from analysis.load import Results
from analysis.report.live.plain import column
from search.errors import SearchError

MOST_POINTS = 1000
"""Number of ended trials that are drawn as points; of more, all that improved and an even selection of the others."""
MOST_CURVES = 300
"""Number of trials whose curves are drawn: those that run, the best, and those that ended last."""


def best_so_far(results: Results) -> dict[str, Any]:
    """Return ended trials in the order of their ends: lists `finished, seconds, value, state, key, best` so far."""
    data = progress(results)
    if data["value"].isna().all():
        return {"count": 0}
    better = data["best"].ne(data["best"].shift()) & data["best"].notna()
    if len(data) > MOST_POINTS:
        spaced = pd.Series(range(len(data)), data.index) % -(-len(data) // MOST_POINTS) == 0
        last = data.index == data.index[-1]
        data = data[better | spaced | last]
    names = [name for name in ("experiment", "finished", "seconds", "value", "best", "state", "key") if name in data]
    return {"count": len(data), **{name: column(data[name]) for name in names}}


def curves(results: Results, best: str | None) -> dict[str, Any]:
    """Return the metric by epoch of each drawn trial, by key: `epoch` and `value`; `left_out` counts the others."""
    epochs = results.epochs
    if epochs.empty or results.metric not in epochs:
        return {"left_out": 0, "of": {}}
    keys = _drawn(results, best)
    known = epochs[epochs["key"].isin(keys) & epochs[results.metric].notna()].sort_values("epoch")
    of = {
        str(key): {"epoch": column(part["epoch"]), "value": column(part[results.metric])}
        for key, part in known.groupby("key", observed=True)
    }
    return {"left_out": len(results.trials) - len(keys), "of": of}


def _drawn(results: Results, best: str | None) -> list[str]:
    trials = results.trials
    if len(trials) <= MOST_CURVES:
        return list(trials["key"].astype(str))
    order = trials["finished_at"] if "finished_at" in trials else trials["number"]
    latest = trials.loc[order.sort_values(ascending=False, na_position="first").index, "key"].astype(str)
    return list(dict.fromkeys([*([best] if best else []), *latest]))[:MOST_CURVES]


def stopped(results: Results) -> dict[str, Any]:
    """Return how many trials reached each epoch and were stopped there: lists `epoch, reached, pruned`."""
    try:
        table = survivors(results).reset_index()
    except SearchError:
        return {"epoch": [], "reached": [], "pruned": []}
    return {name: column(table[name]) for name in ("epoch", "reached", "pruned")}
