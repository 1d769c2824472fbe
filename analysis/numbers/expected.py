"""Estimates how trials that were stopped early would have ended, so that they compare with the others."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.configurations import configurations
from analysis.load import Results
from analysis.numbers.by_epoch import Matrix, curves
from search.errors import SearchError

PRIOR = 3.0
"""Weight, in trials, of the assumption that a lead is kept as it is: slopes of few trials are drawn towards 1."""


def expected(results: Results) -> pd.DataFrame:
    """Return one row for each complete configuration, best first, and then one for each pruned one, best first.

    The columns are those of `configurations`, and `value` and `deviation`: the mean and 0 of a complete one; the value
    that a pruned one would be expected to end with, and the standard deviation of that. From each epoch at which trials
    were stopped a line is fitted, over the trials that went on, from the best value so far to the best value at the
    next such epoch; a stopped trial is taken from line to line to the end. Which trials went on was decided by the very
    value from which the line starts, which leaves the line unbiased; beyond the trials that went on it is an
    extrapolation. Where no values by epoch are stored, pruned trials are left out. Raises SearchError where no trial
    has finished.
    """
    return _expected(results).copy()


@lru_cache(maxsize=8)
def _expected(results: Results) -> pd.DataFrame:
    complete = configurations(results)
    complete = complete.assign(value=complete["mean"].astype(float), deviation=0.0)
    try:
        keys, matrix = curves(results, results.metric)
    except SearchError:
        return complete
    parts = [_of_pruned(results, part, complete, keys, matrix) for _, part in results.first_runs.groupby("experiment")]
    pruned = [part for part in parts if len(part)]
    if not pruned:
        return complete
    stopped = pd.concat(pruned)
    stopped = stopped.sort_values(["value", "number"], ascending=[results.mode == "min", True], kind="stable")
    return pd.concat([complete, stopped.reindex(columns=complete.columns)])


def _of_pruned(
    results: Results, trials: pd.DataFrame, complete: pd.DataFrame, keys: list[str], matrix: Matrix
) -> pd.DataFrame:
    """Return the pruned trials of one experiment with `value` and `deviation`; `matrix` has a row for each key."""
    rows = pd.Series(range(len(keys)), index=keys)
    known = trials[trials["key"].isin(keys) & trials["state"].isin(["complete", "pruned"])].set_index("key", drop=False)
    known = known[known["state"].eq("pruned") | known.index.isin(complete.index)]
    if not (known["state"] == "pruned").any():
        return known.iloc[:0]
    values = matrix[rows[known.index]]
    reached = np.isfinite(values).sum(axis=1)
    known, values = known[reached > 0], _best_so_far(results, values[reached > 0])
    lengths = _last(values)
    last = np.where(known["state"] == "complete", values.shape[1] + 1, lengths)
    own = complete["value"].reindex(known.index).to_numpy(float)
    ends = np.where(np.isfinite(own), own, np.nan)[:, None]
    value, deviation = extrapolate(np.concatenate([_carried(values), ends], axis=1), last)
    known = known.assign(value=value, deviation=deviation, runs=1)
    return pd.DataFrame(known[known["state"] == "pruned"].rename_axis("configuration"))


def _best_so_far(results: Results, values: Matrix) -> Matrix:
    """Return the best value up to each epoch; where the training set grows, the value itself.

    Values on different parts of a training set do not compare.
    """
    if "train_images" in results.epochs:
        return values
    worst = -np.inf if results.mode == "max" else np.inf
    best = np.maximum if results.mode == "max" else np.minimum
    return np.where(np.isfinite(values), best.accumulate(np.where(np.isfinite(values), values, worst), axis=1), np.nan)


def _last(values: Matrix) -> Matrix:
    """Return the last epoch of each row that has a value, counted from 1."""
    return np.asarray(values.shape[1] - np.argmax(np.isfinite(values)[:, ::-1], axis=1))


def _carried(values: Matrix) -> Matrix:
    """Return each row with its gaps, and what comes after its last value, filled by the value before."""
    return pd.DataFrame(values).ffill(axis=1).bfill(axis=1).to_numpy(float)


def extrapolate(values: Matrix, last: Matrix) -> tuple[Matrix, Matrix]:
    """Return value and standard deviation of each row in the last column of `values`, shape (trials, epochs).

    `last` is the column, counted from 1, up to which a row is known; what comes after it in `values` is not used.
    """
    end = values.shape[1]
    found = values[np.arange(len(values)), last - 1].astype(float)
    deviation = np.zeros(len(values))
    levels = sorted({*map(int, last), end})
    for here, there in pairwise(levels):
        went_on, stopped = last >= there, last <= here
        slope, start, goal, spread = _line(values[last >= here, here - 1], values[went_on][:, [here - 1, there - 1]])
        found[stopped] = goal + slope * (found[stopped] - start)
        deviation[stopped] = np.hypot(slope * deviation[stopped], spread)
    return found, deviation


def _line(every: Matrix, pairs: Matrix) -> tuple[float, float, float, float]:
    """Return slope, means of both columns of `pairs`, and the spread about the line.

    Without pairs the line keeps every lead as it is.
    """
    if not len(pairs):
        return 1.0, 0.0, 0.0, 0.0
    x, y = pairs.T
    start, goal = float(x.mean()), float(y.mean())
    weight = PRIOR * float(every.var())
    total = float(((x - start) ** 2).sum()) + weight
    slope = (float(((x - start) * (y - goal)).sum()) + weight) / total if total > 0 else 1.0
    residuals = y - goal - slope * (x - start)
    return slope, start, goal, float(np.sqrt((residuals**2).sum() / max(len(x) - 2, 1)))
