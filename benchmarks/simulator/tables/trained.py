"""Tasks without a table: each configuration that a search proposes is trained, with the seed of its own trial.

What stands in a table is one training of each configuration, so that a search that comes close to a good one is given
the same training again, and one that comes to the neighbours is given another's luck. Here nothing stands between a
search and what it would have found, but the time: it is simulated, an epoch a second, as with the other tasks. Regret
is measured on the scale of the table of the same space, and can be below 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring.data import data_folder
from benchmarks.simulator.tables.nearest import SPACES, TableTask, path_of, task_of
from benchmarks.simulator.tables.stored import read
from benchmarks.simulator.task import Task
from search.space import Config, Space
from trainables.engines.runtime import configure
from trainables.errors import TrialDiverged
from trainables.trial import Trial


class Reports:
    """The metric after each epoch, trained no further than anybody asks for; NaN once a training has diverged."""

    def __init__(self, epochs: Iterator[float]) -> None:
        self._epochs, self._known = epochs, list[float]()

    def __getitem__(self, at: int | slice) -> Any:
        """Return what a list of all epochs would; a slice as an array. Epochs are counted from the first."""
        last = at.stop if isinstance(at, slice) else at + 1
        while len(self._known) < last:
            self._known.append(next(self._epochs, float("nan")))
        return np.array(self._known[at]) if isinstance(at, slice) else self._known[at]


@dataclass(frozen=True)
class TrainedTask(TableTask):
    """A task whose trainings take place, with the data and settings of its space."""

    trained: Space = field(kw_only=True)
    data_dir: Path | None = None

    def training(self, config: Config, seed: int) -> tuple[Any, Any]:
        """Return what the training reports, which has no value without noise to tell beside it."""
        reports = Reports(self._epochs(config, seed))
        return reports, reports

    def _epochs(self, config: Config, seed: int) -> Iterator[float]:
        configure(cpus=1)
        space = self.trained
        asked = {"dataset": space.dataset_name, "metric": space.metric, "mode": space.mode}
        trial = Trial(seed=seed, asked=asked, data_dir=self.data_dir)
        try:
            for metrics in space.trainable({**asked, **space.fixed, **config}, trial):
                yield metrics[space.metric]
        except TrialDiverged:
            return


def task_on(name: str, instance: int, dataset: str | None = None) -> TrainedTask:
    """Return the task of a space, on its own data set or on another one."""
    space = SPACES[name]
    of = task_of(f"{dataset or name} {instance}, trained", read(path_of(name, instance), space), space)
    assert isinstance(of, TableTask)
    fields = {one.name: getattr(of, one.name) for one in dataclasses.fields(of)}
    trained = space if dataset is None else dataclasses.replace(space, dataset=dataset)
    return TrainedTask(**fields, trained=trained, data_dir=data_folder())


def _family(name: str) -> Callable[[int], Task]:
    return lambda instance: task_on(name, instance)


FAMILIES = {name: _family(name) for name in SPACES}
"""Tasks by space; those of two instances differ only in their scales. Fashion-MNIST is read from SEARCH_DATA_DIR."""
