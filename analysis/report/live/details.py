"""Collects everything that the folder holds of one trial: settings, measurements, epochs, output, error."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from analysis.load import Results
from analysis.report.live.plain import column, plain
from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX, shown

MOST_OUTPUT = 60_000
"""Number of characters of a trial's output that are shown, from its end."""
_NO_MEASURE = {"key", "trial_id", "number", "state", "error", "experiment", "space", "dataset", "node", "log"}


def details(results: Results, key: str) -> dict[str, Any]:
    """Return the trial of that key; raises SearchError where there is none."""
    found = results.trials[results.trials["key"].astype(str) == key]
    if found.empty:
        raise SearchError(f"there is no trial {key!r} in {results.names}.")
    row = found.iloc[0]
    known = row[row.notna()]
    return {
        "key": key,
        "trial": str(row["trial_id"]),
        "state": str(row["state"]),
        "error": plain(row.get("error")),
        "settings": {shown(name): plain(known[name]) for name in known.index if name.startswith(CONFIG_PREFIX)},
        "measured": {
            name: plain(known[name])
            for name in known.index
            if name not in _NO_MEASURE and not name.startswith(CONFIG_PREFIX)
        },
        "epochs": _epochs(results, key),
        "output": _output(results, row),
    }


def _epochs(results: Results, key: str) -> dict[str, list[Any]]:
    """Return the numbers of each epoch as lists, for the columns that are known for any epoch."""
    epochs = results.epochs
    if epochs.empty:
        return {}
    own = epochs[epochs["key"].astype(str) == key].sort_values("epoch")
    numeric = [name for name in own if pd.api.types.is_numeric_dtype(own[name]) and own[name].notna().any()]
    return {str(name): column(own[name]) for name in numeric}


def _output(results: Results, row: pd.Series) -> str | None:
    """Return the end of what the trial printed, or None where the driver has not stored it, as in a running trial."""
    trial_id = str(row["trial_id"])
    source = next(source for source in results.sources if source.name == row["experiment"])
    if not re.fullmatch(r"[\w.+-]+", trial_id):  # The folder may be a stranger's: no path is made of other text.
        return None
    try:
        with source.files.open_input_stream(f"{source.root}/logs/{trial_id}.log") as stored:
            text = stored.read().decode("utf-8", errors="replace")
    except OSError:
        return None
    return (
        text if len(text) <= MOST_OUTPUT else f"… {len(text) - MOST_OUTPUT:,} characters before\n{text[-MOST_OUTPUT:]}"
    )
