"""A task of the simulator that answers by the nearest stored training.

Samplers here propose anywhere in a space, so the space is not restricted to what is stored (as tables of whole grids
do), and no model stands between them and what was measured (as in surrogate benchmarks): what is reported is a real
curve, noise and all. Two configurations of one cell are one training; the best value that can be found is the best
stored one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.simulator.tables.stored import Curves, read
from benchmarks.simulator.task import Task, positions
from benchmarks.spaces import table_digits, table_fashion
from search.space import Choice, Config, Parameter, Space

FOLDER = Path(__file__).parent
SPACES = {"digits": table_digits.space, "fashion": table_fashion.space}


@dataclass(frozen=True)
class TableTask(Task):
    """A task whose scale is that of the stored trainings."""

    stored: tuple[float, ...] = ()
    """Best value of each stored training that did not fail."""

    @cached_property
    def scale(self) -> tuple[float, float]:
        """The values of regret 0 and regret 100: the best stored training, and the median one that did not fail."""
        sign = 1 if self.mode == "max" else -1
        return float(np.max(sign * np.array(self.stored))), float(np.median(sign * np.array(self.stored)))


class Nearest:
    """Gives the curve of the stored configuration that is nearest.

    The squared distance adds, over the settings, the square of the difference in the range (of logarithms, where the
    range is logarithmic), or 1 for another option or where only one of the two has the setting.
    """

    def __init__(self, parameters: dict[str, Parameter], curves: Curves) -> None:
        self._parameters, self._values = parameters, curves.values
        self._options = np.array([isinstance(parameter, Choice) for parameter in parameters.values()])
        self._at = np.array([self._encoded(config) for config in curves.configs])

    def __call__(self, config: Config) -> np.ndarray:
        """Return the metric after each epoch."""
        return np.asarray(self._values[self.place(config)])

    def place(self, config: Config) -> int:
        """Return the row of the nearest configuration, the first where several are as near."""
        apart = np.abs(self._at - self._encoded(config))
        apart[np.isnan(apart)] = 1
        apart[np.isnan(self._at) & np.isnan(self._encoded(config))] = 0
        apart[:, self._options] = apart[:, self._options] > 0
        return int(np.argmin((apart**2).sum(axis=1)))

    def _encoded(self, config: Config) -> np.ndarray:
        """Return positions, with NaN for what is inactive."""
        active = np.array([name in config for name in self._parameters])
        return np.where(active, positions(self._parameters, config), np.nan)


def task_of(name: str, curves: Curves, space: Space) -> Task:
    """Return the task of a table."""
    sign = 1 if space.mode == "max" else -1
    whole = curves.values[~np.isnan(curves.values).any(axis=1)]
    return TableTask(
        name,
        dict(space.parameters),
        curves.values.shape[1],
        Nearest(dict(space.parameters), curves),
        mode=space.mode,
        stored=tuple(sign * (sign * whole).max(axis=1)),
    )


def path_of(name: str, seed: int) -> Path:
    """Return where the table of this space and seed lies."""
    return FOLDER / f"{name}_{seed}.parquet"


def _family(name: str) -> Callable[[int], Task]:
    return lambda seed: task_of(f"{name} {seed}", read(path_of(name, seed), SPACES[name]), SPACES[name])


FAMILIES = {name: _family(name) for name in SPACES if path_of(name, 0).exists()}
"""Tasks by space and seed, of the tables that there are. They are for report: nothing is tuned on them."""
