"""Finds columns by the names that a user writes, parameters with or without their prefix."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX, shown
from search.wording import did_you_mean


def find_column(trials: pd.DataFrame, name: str) -> str:
    """Return the column with that heading: of that name, else of that setting; raises SearchError, with near ones."""
    return _first_of(trials, name, (name, CONFIG_PREFIX + name))


def _first_of(trials: pd.DataFrame, name: str, columns: Sequence[str]) -> str:
    for column in columns:
        if column in trials.columns:
            return column
    known = [shown(column) for column in trials.columns if column != "key"]
    raise SearchError(f"there is no column {name!r} in the results. {did_you_mean(shown(name), known)}")


def find_columns(trials: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns of several settings, or else of those names, each of which may be a list with commas.

    Trials are grouped by what was set: `epochs` is the setting where there is one, and not how many were trained.
    """
    words = [word.strip() for name in names for word in name.split(",")]
    return list(dict.fromkeys(_first_of(trials, word, (CONFIG_PREFIX + word, word)) for word in words if word))


def settings_not_columns(trials: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each of these columns that is a setting with the name of another column."""
    names = [shown(name) for name in columns if shown(name) != name and shown(name) in trials]
    return tuple(f"{name} is the setting, and not the column of that name." for name in names)


def measured(trials: pd.DataFrame) -> list[str]:
    """Return the columns of what was measured on a run and differs from seed to seed: losses, accuracies, seconds."""
    settings = [name for name in trials.columns if name.startswith(CONFIG_PREFIX)]
    return [name for name in trials.columns if pd.api.types.is_float_dtype(trials[name]) and name not in settings]
