"""The values of trials by epoch, as matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.load import Results
from search.errors import SearchError

Matrix = NDArray[np.float64]


def curves(results: Results, metric: str, repeats: bool = False) -> tuple[list[str], Matrix]:
    """Return the keys of the trials and their values by epoch, shape (trials, epochs), NaN where a trial has none.

    Repeats over further seeds are left out unless they are asked for. Raises SearchError where nothing is stored.
    """
    epochs = results.epochs
    if not repeats and len(epochs):
        epochs = epochs[epochs["key"].isin(results.first_runs["key"])]
    if metric not in epochs or not epochs[metric].notna().any():
        raise SearchError(f"{results.names} has no {metric} by epoch.")
    keys = epochs["key"].cat.remove_unused_categories()
    matrix = np.full((len(keys.cat.categories), int(epochs["epoch"].max())), np.nan)
    matrix[keys.cat.codes, epochs["epoch"].to_numpy(int) - 1] = epochs[metric].to_numpy(float, na_value=np.nan)
    return list(keys.cat.categories), matrix


def mean_curve(matrix: Matrix) -> Matrix:
    """Return the mean over the trials that reached each epoch, shape (epochs,), NaN where none did."""
    known = np.isfinite(matrix)
    return np.where(
        known.any(axis=0), np.where(known, matrix, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )


def spread(matrix: Matrix, shares: Sequence[float]) -> Matrix:
    """Return quantiles over the trials that reached each epoch, shape (shares, epochs)."""
    return np.stack([_quantiles(column[np.isfinite(column)], shares) for column in matrix.T], axis=1)


def _quantiles(values: Matrix, shares: Sequence[float]) -> Matrix:
    return np.quantile(values, shares) if len(values) else np.full(len(shares), np.nan)
