"""The trials of a search, as the driver holds them in memory: those that are queued, that run, that have ended."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from search.experiment.states import TrialState
from search.space.per_trial import Shape
from search.trial.messages import Metrics, Parent, TrialSpec, WorkerId


@dataclass
class ActiveTrial:
    """A trial that was begun and has not ended."""

    spec: TrialSpec
    number: int
    config: dict[str, object]
    """The proposed parameters alone; `spec.config` holds the fixed settings too."""
    repeat_of: str | None = None
    """The trial whose configuration is trained again with another seed; None for a first run."""
    epochs: list[Metrics] = field(default_factory=list)
    started_at: float | None = None
    """When its first work began, in seconds since the epoch, by the driver's clock."""
    begun: float | None = None
    """The same by `time.monotonic`, from which spans are taken: a clock may be set while a search runs."""
    has_worker: bool = False
    """Whether a worker was given it; one that was proposed ahead waits until one is free."""
    lost_workers: int = 0
    """How many workers were lost, with their node or alone, while they trained it."""
    node: str = ""
    worker: WorkerId | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """What its trainable says of it in words, by column."""
    output: str = ""
    """What a paused one has printed last."""


@dataclass(frozen=True)
class EndedTrial:
    """A trial that has ended, as far as the driver needs to remember it."""

    trial_id: str
    number: int
    state: TrialState
    value: float | None
    """The metric of the search at the best epoch."""
    config: Mapping[str, object]
    repeat_of: str | None = None
    row: Mapping[str, object] = field(default_factory=dict)
    """Its row in the table of trials."""

    @property
    def is_on_a_part(self) -> bool:
        """Whether it ended before it had its whole training set: its value says nothing beside those that had."""
        return self.row.get("training_share") not in (None, 1.0)

    @property
    def violates(self) -> str | None:
        """The constraints that it violates, in words: it cannot be the best."""
        said = self.row.get("violates")
        return None if said is None else str(said)


class Trials:
    """Every trial of the search under its id, in exactly one of four places."""

    def __init__(self, mode: str) -> None:
        self.queued: dict[str, ActiveTrial] = {}
        """Trials that were begun and must be begun again, the one that has waited longest first."""
        self.running: dict[str, ActiveTrial] = {}
        """Trials that were handed out, whether or not a worker has taken them up yet."""
        self.waiting: dict[str, ActiveTrial] = {}
        """Members of a population that are paused until all have come as far."""
        self.ended: dict[str, EndedTrial] = {}
        self.parents: dict[str, Parent] = {}
        """Whose training a trial goes on with, by its id; those that an earlier run of the driver began, too."""
        self.leading: EndedTrial | None = None
        """The first run with the best value so far, complete or pruned, on its whole training set."""
        self.epochs = 0
        """Epochs that configurations have come to, in earlier runs of the driver too; those of repeats do not count."""
        self.reached: dict[str, int] = {}
        """The last epoch of each trial that an earlier run of the driver has stored, and `epochs` holds."""
        self._counts: Counter[TrialState] = Counter()
        self._sign = 1 if mode == "max" else -1

    def begin(self, trial: ActiveTrial) -> None:
        """Take in a trial that is handed out for the first time."""
        self.running[trial.spec.trial_id] = trial

    def count_epoch(self, trial_id: str, epoch: int) -> None:
        """Count an epoch of a configuration, once: one that was cut off comes to its stored epochs again."""
        self.epochs += epoch > self.reached.get(trial_id, 0)

    def put_back(self, trial_id: str, shape: Shape | None = None) -> None:
        """Queue a running trial to be begun again, with another `shape` of resources if one is given.

        It is the only way back: after a lost worker, from a node that does not fit, with more memory, and at the
        interrupt of the search, which returns what is queued to the study.
        """
        trial = self.running.pop(trial_id)
        trial.spec = dataclasses.replace(trial.spec, begun=True, shape=shape or trial.spec.shape)
        trial.has_worker = False
        self.queued[trial_id] = trial

    def pause(self, trial_id: str, output: str) -> None:
        """Let a running trial wait, without a worker; its spec is that of one to be begun again."""
        self.put_back(trial_id)
        self.waiting[trial_id] = self.queued.pop(trial_id)
        self.waiting[trial_id].output = output

    def release(self, trial_id: str) -> None:
        """Queue a paused trial to be begun again."""
        self.queued[trial_id] = self.waiting.pop(trial_id)

    def active(self) -> Iterator[ActiveTrial]:
        """All trials that have begun and not ended."""
        for place in (self.running, self.queued, self.waiting):
            yield from place.values()

    def is_followed(self, trial_id: str) -> bool:
        """Whether a trial that has not ended goes on with the training of this one."""
        return any(p.trial_id == trial_id and one not in self.ended for one, p in self.parents.items())

    def begin_again(self) -> TrialSpec | None:
        """The queued trial that has waited longest, which runs from now on; None where none is queued."""
        if not self.queued:
            return None
        trial_id = next(iter(self.queued))
        trial = self.running[trial_id] = self.queued.pop(trial_id)
        return dataclasses.replace(trial.spec, proposed_at=time.monotonic())

    def end(self, ended: EndedTrial) -> None:
        """Remember an ended trial, one of an earlier run of the driver too, in place of the running one."""
        self.running.pop(ended.trial_id, None)
        self.waiting.pop(ended.trial_id, None)
        self.ended[ended.trial_id] = ended
        if ended.repeat_of is not None:
            return
        self._counts[ended.state] += 1
        self._lead(ended)

    def _lead(self, ended: EndedTrial) -> None:
        """Let a trial that has ended lead, if it is a first run and better than the one that leads so far."""
        if ended.repeat_of is not None or ended.state is TrialState.FAILED or ended.value is None:
            return
        if ended.is_on_a_part or ended.violates:
            return
        best = self.leading
        if best is None or best.value is None or self._sign * ended.value > self._sign * best.value:
            self.leading = ended

    def stopped_leader(self) -> EndedTrial | None:
        """The trial with the best value, if it was stopped; None where it is complete, or there is none."""
        return self.leading if self.leading is not None and self.leading.state is TrialState.PRUNED else None

    def reopen(self, trial_id: str) -> None:
        """Forget the end of a first run, which is to be trained once more: it is in none of the four places."""
        self._counts[self.ended.pop(trial_id).state] -= 1
        self.leading = None
        for other in self.ended.values():
            self._lead(other)

    def configurations(self) -> int:
        """Configurations that run, wait or have ended; repeats do not count."""
        running = sum(trial.repeat_of is None for trial in self.running.values())
        return running + len(self.waiting) + self._counts.total()

    def counts(self) -> dict[str, int]:
        """Configurations that have ended, by state; repeats do not count."""
        return {str(s): self._counts[s] for s in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED)}

    def repeats(self) -> int:
        """Repeats that have ended."""
        return len(self.ended) - self._counts.total()
