"""A table of real learning curves: every configuration of a random search and its metric after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search.experiment.schema import CONFIG_PREFIX, read_epochs, read_trials
from search.space import Config, Space

DECIMALS = 4
"""Decimals of the metric that are kept; an accuracy over a thousand images has hardly more."""
VALUES = "values"


@dataclass(frozen=True)
class Curves:
    """Configurations and what they reported."""

    configs: list[Config]
    values: np.ndarray
    """Metric, shape (configurations, epochs), NaN from the epoch on in which a training failed."""


def curves_of(results: Path, space: Space) -> Curves:
    """Return the trials of a search that have come to their end or failed, in the order of their numbers."""
    trials = [row for row in read_trials(results).table.to_pylist() if row["state"] in ("complete", "failed")]
    trials.sort(key=lambda row: row["number"])
    places = {row["trial_id"]: place for place, row in enumerate(trials)}
    values = np.full((len(trials), int(str(space.fixed["epochs"]))), np.nan)
    for row in read_epochs(results).table.to_pylist():
        if row["trial_id"] in places and row[space.metric] is not None:
            values[places[row["trial_id"]], row["epoch"] - 1] = row[space.metric]
    return Curves([_config(row, space) for row in trials], values)


def write(path: Path, curves: Curves, space: Space) -> None:
    """Write the table: a column for each parameter, null where it is inactive, and one of lists."""
    columns: dict[str, pa.Array] = {
        CONFIG_PREFIX + name: pa.array([config.get(name) for config in curves.configs]) for name in space.parameters
    }
    rounded = [[None if np.isnan(value) else round(float(value), DECIMALS) for value in row] for row in curves.values]
    columns[VALUES] = pa.array(rounded, pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), path, compression="zstd", compression_level=19)


def read(path: Path, space: Space) -> Curves:
    """Return what `write` wrote."""
    rows = pq.read_table(path).to_pylist()
    values = [[np.nan if value is None else value for value in row[VALUES]] for row in rows]
    return Curves([_config(row, space) for row in rows], np.array(values))


def _config(row: dict[str, object], space: Space) -> Config:
    """Return the settings of a row that are active."""
    config: Config = {}
    for name in space.parameters:
        if space.is_active(name, config):
            config[name] = row[CONFIG_PREFIX + name]
    return config
