"""Where a search stands at one moment, as plain values, which the live view draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunningTrial:
    """A trial that a worker has."""

    trial_id: str
    epochs: int
    """How many epochs it has finished."""
    value: float | None
    """The metric after the last of them; None before the first has ended."""
    seconds: float
    """The time since it was begun."""
    config: Mapping[str, object]
    expected: tuple[float, float, float] | None = None
    """The metric that the sampler's model expects of it at its best epoch, if it goes on to its last, and the bounds
    between which eight in ten such trials end; None where there is no such model."""


@dataclass(frozen=True)
class BestTrial:
    """The best complete or pruned trial so far."""

    trial_id: str
    value: float
    config: Mapping[str, object]


@dataclass(frozen=True)
class FrontSoFar:
    """The configurations that no other dominates, of several objectives."""

    size: int
    best: tuple[tuple[str, float, str], ...]
    """Each objective with the best value of it, and the trial that has it."""


@dataclass(frozen=True)
class Snapshot:
    """Where a search stands."""

    name: str
    metric: str
    trials: int
    """How many configurations are to end by themselves."""
    complete: int
    pruned: int
    failed: int
    repeats: int
    """Repeated runs that have ended; they are not among the configurations."""
    running: tuple[RunningTrial, ...]
    slots: int
    best: BestTrial | None
    elapsed_s: float
    left_s: float | None
    """An estimate of the time left; None while there is nothing to base it on."""
    max_epochs: int | None
    closing: bool
    repeats_due: bool = False
    """Whether leading configurations are run again with other seeds once all configurations have ended."""
    latest_failure: tuple[str, str] | None = None
    """Trial id and error of the last trial that failed."""
    events: tuple[str, ...] = ()
    """What happened to workers and to the store, oldest first."""
    epochs: int = 0
    """Epochs that configurations have trained."""
    epoch_budget: int | None = None
    """How many they may train before no new one is begun."""
    front: FrontSoFar | None = None
    """What stands in place of the best where there are several objectives; None where no configuration is complete."""

    @property
    def done(self) -> int:
        """How many configurations have ended by themselves."""
        return self.complete + self.pruned + self.failed
