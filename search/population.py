"""Population-based training: how many members, when the worst of them give way to the best, and what may change.

The method is that of Jaderberg et al., Population Based Training of Neural Networks (2017). Plain values: who ends and
who is followed is decided in `search.driver.population`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import SearchError
from search.wording import did_you_mean

STOPPING = "population"
"""What a space with a population has as its `stopping`."""
SAMPLERS = ("random", "qmc")
"""What may draw first members: all begin before any has ended, so that nothing could be learned from."""
_EXAMPLE = {"members": 8, "interval": 2, "change": ["learning_rate"]}


@dataclass(frozen=True)
class Population:
    """What `population` of a space says; `read` has checked it."""

    members: int
    """Trials that train side by side."""
    interval: int
    """Epochs between two comparisons."""
    change: tuple[str, ...]
    """Parameters that a trial which follows another has other values of; it keeps all else."""
    quantile: float = 0.25
    """Share of the members that ends at each comparison, and share that is followed."""
    resample: float = 0.25
    """Probability that a parameter is drawn anew, in place of a step away from its value."""

    @classmethod
    def read(cls, given: object) -> Population:
        """Return the population that a space gives; raises SearchError."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise SearchError(f"population={given!r}; expected a dict, like {_EXAMPLE}.")
        known = [one.name for one in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                raise SearchError(f"population has no option {name!r}. {did_you_mean(str(name), known)}")
        for name in _EXAMPLE:
            if name not in given:
                raise SearchError(f"population lacks {name!r}; expected {name}, as in {_EXAMPLE}.")
        _check_numbers(given)
        return cls(**{**given, "change": _names(given["change"])})

    @property
    def replaced(self) -> int:
        """How many members give way at a comparison, one at least."""
        return max(1, math.floor(self.members * self.quantile))

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs after which members are compared, where trainings have so many."""
        return tuple(range(self.interval, epochs, self.interval))

    def trials(self, epochs: int) -> int:
        """Return how many configurations one population tries if none fails: first members, and all that follow."""
        return self.members + len(self.rungs(epochs)) * self.replaced

    def options(self) -> dict[str, float | str]:
        """Return the numbers, as the options of a stopping rule."""
        return {name: value for name, value in vars(self).items() if name != "change"}

    def describe(self) -> str:
        """Return in words what happens at a comparison."""
        worst, best = ("worst", "best") if self.replaced == 1 else (f"{self.replaced} worst", f"{self.replaced} best")
        return (
            f"{self.members} members; every {self.interval} epochs the {worst} give way to followers of the {best}, "
            f"with other {', '.join(self.change)}"
        )


def _check_numbers(given: Mapping[str, Any]) -> None:
    for name, least in (("members", 2), ("interval", 1)):
        count = given[name]
        if not isinstance(count, int) or isinstance(count, bool) or count < least:
            raise SearchError(f"population has {name}={count!r}; expected a whole number from {least}.")
    for name, most in (("quantile", 0.5), ("resample", 1.0)):
        share = given.get(name, most)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= most:
            raise SearchError(f"population has {name}={share!r}; expected a number from 0 to {most:g}.")


def _names(given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise SearchError(f"population has change={given!r}; expected names of parameters, like ['learning_rate'].")
    return tuple(dict.fromkeys(names))


def checked_population(space: Any, goes_alone: bool) -> dict[str, Any]:
    """What a population decides of its space: `population` itself, `sampler`, `stopping` and `stopping_options`.

    `goes_alone`: whether the space has one metric and no constraints, by which a population compares its members.
    Raises SearchError for what does not go together.
    """
    population = Population.read(space.population)
    if space.declared:
        _check_parameters(population, space.parameters)
    if space.stopping not in (None, STOPPING) or dict(space.stopping_options) not in ({}, population.options()):
        raise SearchError("population says which trials end early; leave out stopping, its options and fidelity.")
    if space.sampler not in (None, *SAMPLERS):
        raise SearchError(
            f"sampler={space.sampler!r} learns from trials, and the members of a population begin before any has "
            f"ended; expected {' or '.join(SAMPLERS)}."
        )
    if not goes_alone:
        raise SearchError("population compares its members by one metric; expected no objectives and no constraints.")
    if space.repeats != 1:
        raise SearchError(
            f"repeats={space.repeats!r} trains configurations again from their beginning, and those of a population "
            "follow others; expected repeats=1."
        )
    if space.trials is not None and space.trials < population.members:
        raise SearchError(f"trials={space.trials} is less than the {population.members} members of the population.")
    return {
        "population": population,
        "sampler": space.sampler or SAMPLERS[0],
        "stopping": STOPPING,
        "stopping_options": population.options(),
    }


def _check_parameters(population: Population, parameters: Mapping[str, Any]) -> None:
    for name in population.change:
        if name not in parameters:
            raise SearchError(f"population changes {name!r}, which is no parameter. {did_you_mean(name, parameters)}")
        for other, parameter in parameters.items():
            if name in parameter.when:
                raise SearchError(
                    f"population changes {name!r}, on which parameter {other!r} depends by `when`; expected parameters "
                    "on which none depends."
                )
