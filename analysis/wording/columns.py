"""Finds columns by the names that a user writes, parameters with or without their prefix."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX, shown
from search.wording import did_you_mean


def find_column(trials: pd.DataFrame, name: str) -> str:
    """Return the column of that name, or of that setting; raises SearchError with the near ones."""
    for column in (CONFIG_PREFIX + name, name):
        if column in trials.columns:
            return column
    known = [shown(column) for column in trials.columns if column != "key"]
    raise SearchError(f"there is no column {name!r} in the results. {did_you_mean(shown(name), known)}")


def find_columns(trials: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns of several names, each of which may be a list with commas; duplicates are left out."""
    words = [word.strip() for name in names for word in name.split(",")]
    return list(dict.fromkeys(find_column(trials, word) for word in words if word))


def measured(trials: pd.DataFrame) -> list[str]:
    """Return the columns of what was measured on a run and differs from seed to seed: losses, accuracies, seconds."""
    settings = [name for name in trials.columns if name.startswith(CONFIG_PREFIX)]
    return [name for name in trials.columns if pd.api.types.is_float_dtype(trials[name]) and name not in settings]
