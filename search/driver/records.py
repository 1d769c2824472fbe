"""What the driver remembers of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from search.trial.messages import Metrics, TrialSpec


@dataclass
class Live:
    """A trial that runs."""

    spec: TrialSpec
    number: int
    config: dict[str, object]
    repeat_of: str | None = None
    epochs: list[Metrics] = field(default_factory=list)
    started_at: float | None = None
    losses: int = 0
    """Workers that it lost."""
    node: str = ""
    worker: str = ""


@dataclass(frozen=True)
class Ended:
    """A trial that has ended, as far as the driver needs to remember it."""

    trial_id: str
    number: int
    state: str
    value: float | None
    config: Mapping[str, object]
    repeat_of: str | None = None
    error: str | None = None
    log: str | None = None
    row: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_on_a_part(self) -> bool:
        """Whether it ended before it had its whole training set: its value says nothing beside those that had."""
        return self.row.get("training_share") not in (None, 1.0)
