"""Where a search stands, as plain values: what the live view draws and the tests compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunningTrial:
    """One running trial."""

    trial_id: str
    epochs: int
    value: float | None
    """The metric after the last epoch."""
    seconds: float
    config: Mapping[str, object]


@dataclass(frozen=True)
class BestTrial:
    """The best complete or pruned trial so far."""

    trial_id: str
    value: float
    config: Mapping[str, object]


@dataclass(frozen=True)
class Snapshot:
    """A search at one moment."""

    name: str
    metric: str
    trials: int
    """Configurations to be ended."""
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
    """Estimate of the time left, None while there is nothing to base it on."""
    max_epochs: int | None
    closing: bool
    latest_failure: tuple[str, str] | None = None
    """Trial id and error of the last trial that failed."""
    events: tuple[str, ...] = ()
    """What befell workers, oldest first."""

    @property
    def done(self) -> int:
        """Configurations that have ended by themselves."""
        return self.complete + self.pruned + self.failed
