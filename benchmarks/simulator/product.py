"""This project's own sampler and stopping rule, in simulated time: the real ones, as the driver asks and tells them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.simulator.clock import Job
from benchmarks.simulator.task import Task
from search.sampling import Finished, Sampling
from search.stopping import Decision, make_rule


class Product:
    """A search as the command line runs it, without a folder: proposals, reports, decisions, ends.

    With `per_second`, as with a time budget; it may know trials of an earlier search.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        sampler: str,
        stopping: str,
        *,
        options: Mapping[str, float | str] | None = None,
        per_second: bool = False,
        known: Sequence[Finished] = (),
    ) -> None:
        self._sampling = Sampling(task.space, None, sampler=sampler, seed=seed)
        self._sampling.know(known)
        self._seconds: dict[str, float] | None = {} if per_second else None
        self._task = task
        self._rule = make_rule(stopping, task.mode, options or {}, task.epochs, self._sampling.is_modelled)

    def ask(self) -> Job | None:
        """Return the next proposal."""
        proposal = self._sampling.ask()
        if proposal is None:
            return None
        if self._seconds is not None:
            self._seconds[proposal.trial_id] = self._task.seconds(proposal.config)
        return Job(proposal.trial_id, proposal.config, proposal.number)

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Tell the sampler, and return what the rule decides."""
        self._sampling.report(trial_id, epoch, value, (self._seconds or {}).get(trial_id))
        stopped = self._rule.decide(trial_id, epoch, value) is Decision.STOP
        if stopped:
            self._rule.end(trial_id)
            self._sampling.tell(trial_id, "pruned", None)
        return stopped

    def end(self, trial_id: str, value: float | None) -> None:
        """Tell a complete trial, or a failed one, which the rule forgets."""
        self._rule.end(trial_id)
        if value is None or math.isnan(value):
            self._rule.forget(trial_id)
        self._sampling.tell(trial_id, "failed" if value is None else "complete", value)
