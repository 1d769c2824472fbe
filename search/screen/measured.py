"""How long an epoch of a space takes, as an earlier search in the same folder of results has measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from search.errors import SearchError
from search.experiment.existing import find_experiments
from search.experiment.manifest import read_manifest
from search.experiment.schema import read_trials
from search.planning.plan import Plan
from search.planning.provenance import describe_space, hardware
from search.wording import counted, show_seconds, show_value

_SAME = ("sha256", "trainable", "dataset", "fixed")
"""What a manifest says of a space that decides how long an epoch takes."""


@dataclass(frozen=True)
class Measured:
    """What the trials of one experiment have taken."""

    experiment: Path
    trials: int
    seconds: float
    """Of a worker for each epoch, with its share of the beginnings and ends of trials."""
    elsewhere: bool
    """Whether another machine has measured it."""

    def describe(self, epochs: float, at_once: int | None) -> str:
        """Return in words how long so many epochs take, by trials of which so many run at once (None: not known)."""
        total = self.seconds * epochs
        time = f"{show_seconds(total)} of one worker" if at_once is None else f"about {show_seconds(total / at_once)}"
        where = " on another machine" if self.elsewhere else ""
        source = f"{counted(self.trials, 'trial')} of {self.experiment}{where}"
        return f"{time}, at {show_value(round(self.seconds, 3))} s an epoch as in {source}"


def measured(plan: Plan) -> Measured | None:
    """Return what the newest experiment of the same space, data set and fixed settings but `epochs` has measured."""
    for experiment in find_experiments(plan.results):
        try:
            manifest = read_manifest(experiment)
            found = _of_trials(read_trials(experiment).table) if _is_same(manifest["space"], plan) else None
        except (SearchError, OSError, KeyError, TypeError, AttributeError):
            continue  # A damaged experiment says nothing of time; `--list` tells of it.
        if found is not None:
            return Measured(experiment, *found, elsewhere=manifest.get("hardware") != hardware())
    return None


def _is_same(described: Mapping[str, Any], plan: Plan) -> bool:
    own = describe_space(plan)
    return all(_without_epochs(described[name]) == _without_epochs(own[name]) for name in _SAME)


def _without_epochs(value: object) -> object:
    return {name: of for name, of in value.items() if name != "epochs"} if isinstance(value, Mapping) else value


def _of_trials(trials: pa.Table) -> tuple[int, float] | None:
    """Return how many trials have ended after an epoch or more, and their seconds for each epoch."""
    if not {"started_at", "finished_at", "epochs"} <= set(trials.column_names):
        return None
    rows = trials.select(["started_at", "finished_at", "epochs"]).to_pylist()
    ended = [row for row in rows if row["epochs"] and row["started_at"] and row["finished_at"]]
    if not ended:
        return None
    seconds = sum((row["finished_at"] - row["started_at"]).total_seconds() for row in ended)
    return len(ended), seconds / sum(row["epochs"] for row in ended)
