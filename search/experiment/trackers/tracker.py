"""What a tracker is told of a search: the rows of the two tables, as they are stored."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from search.experiment.schema import CONFIG_PREFIX
from search.experiment.states import TrialState

Row = Mapping[str, Any]
_OF_THE_SEARCH = {"number", "seed", "epochs", "best_epoch"}


class Tracker(ABC):
    """Takes rows in the order in which a search stores them; the same of a whole table gives the same in the end."""

    def __init__(self, ended: Mapping[str, str | None] = MappingProxyType({})) -> None:
        """`ended`: the trials that were written to their end at an earlier time, with their state where it is known."""
        self._epochs: dict[str, int] = {}
        """Of each trial that has begun and not ended, the last epoch that was written."""
        self._ended: dict[str, str | None] = dict(ended)

    def take(self, trials: Sequence[Row], epochs: Sequence[Row]) -> None:
        """Take rows of trials and epochs; of a trial that was written to its end, nothing more until it runs again."""
        running = {row["trial_id"] for row in trials if row["state"] == TrialState.RUNNING}
        latest = {row["trial_id"]: row for row in trials}
        for trial_id, row in latest.items():
            written = self._ended.get(trial_id)
            again = trial_id in self._ended and (trial_id in running or written not in (None, row["state"]))
            if again:  # It had failed, or was stopped and leads, and is trained to its end.
                del self._ended[trial_id]
            if trial_id not in self._epochs and trial_id not in self._ended:
                self._epochs[trial_id] = self.begin(row, again)
        for row in epochs:
            trial_id, epoch = row["trial_id"], int(row["epoch"])
            if trial_id in self._epochs and epoch > self._epochs[trial_id]:
                self._epochs[trial_id] = epoch
                self.epoch(row)
        for trial_id, row in latest.items():
            if row["state"] != TrialState.RUNNING and trial_id not in self._ended:
                self._ended[trial_id] = str(row["state"])
                del self._epochs[trial_id]
                self.end(row)

    @abstractmethod
    def begin(self, row: Row, again: bool) -> int:
        """Make the run of a trial, or open it again where it was cut off; the last epoch that it need not be told.

        `again`: the trial was written to an end that holds no more, and all of it is written anew.
        """

    @abstractmethod
    def epoch(self, row: Row) -> None:
        """A trial has finished an epoch."""

    @abstractmethod
    def end(self, row: Row) -> None:
        """A trial has ended: complete, pruned or failed."""

    @abstractmethod
    def close(self, best: str | None, model: Path | None) -> None:
        """Nothing more comes; `best` is the best trial, whose model lies in that file."""


def settings(row: Row) -> dict[str, Any]:
    """The configuration of a trial, without what is inactive."""
    named = {name.removeprefix(CONFIG_PREFIX): v for name, v in row.items() if name.startswith(CONFIG_PREFIX)}
    return {name: value for name, value in named.items() if value is not None}


def by_epoch(row: Row) -> dict[str, float]:
    """What was measured in an epoch."""
    return {name: v for name, v in _numbers(row).items() if name != "epoch"}


def measured(row: Row) -> dict[str, float]:
    """What was measured of a whole trial, of its best epoch where it is a metric by epoch."""
    others = (CONFIG_PREFIX, *_OF_THE_SEARCH)
    return {name: v for name, v in _numbers(row).items() if not name.startswith(others)}


def _numbers(row: Row) -> dict[str, float]:
    plain = {n: v for n, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    return {name: float(value) for name, value in plain.items() if math.isfinite(value)}
