"""One worker of a search, as the driver knows it."""

from __future__ import annotations

from dataclasses import dataclass

from search.driver.workers.placement import Location
from search.space.per_trial import Shape
from search.trial.messages import TrialSpec


@dataclass
class DispatchedWorker:
    """A worker, from the order to start it to its end."""

    shape: Shape
    trial_id: str | None
    location: Location | None = None
    """Where it is; None until it has started."""
    idle: bool = False
    """Whether it has asked for a trial in vain."""
    reserves: bool = False
    """Whether it gets no trial and only keeps its place, on a node that does not fit, from other workers."""
    since: float = 0.0
    """When it was handed its trial, by `time.monotonic`."""
    held: TrialSpec | None = None
    """The trial that it goes on with by itself."""
