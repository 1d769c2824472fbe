"""What is tried next: what must begin again, proposals, a leader that was stopped, to its end, repeats of leaders."""

from __future__ import annotations

import math
import time
from enum import Enum
from itertools import islice

from search.driver.population.members import Members
from search.driver.ranking import next_repeat, repeat_id
from search.driver.recorder import Recorder
from search.driver.trials import ActiveTrial, Trials
from search.errors import SearchError
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.sampling import DELAY_TOLERANT, NON_ADAPTIVE, Sampling
from search.stopping import Intervals, StoppingRule
from search.stopping.enough import Enough
from search.trial.messages import TrialSpec
from trainables.trial import ALL_AT_ONCE, Growth


class NoTrial(Enum):
    """What a worker does that is handed no trial."""

    HOLDS_ONE = "holds one"
    """It goes on by itself with the trial that it was given to hold."""
    KEEP_WORKER = "keep worker"
    """A trial may follow, such as a repeat: the worker stays idle, where another would have to be started later."""
    END_WORKER = "end worker"
    """Trials still run, but nothing new can follow: the worker ends."""
    SEARCH_OVER = "search over"
    """Nothing runs and nothing follows: the worker ends, and the search with it."""


class TrialQueue:
    """Hands out one trial after another until as many configurations have ended as the plan asks for."""

    def __init__(self, plan: Plan, trials: Trials, recorder: Recorder, sampling: Sampling, rule: StoppingRule) -> None:
        self._plan, self._trials, self._recorder = plan, trials, recorder
        self._sampling, self._rule = sampling, rule
        self.closing = False
        """Whether the search is being closed: no trial is handed out any more."""
        self.exhausted = False
        """Whether the sampler has no other configuration."""
        options = plan.options
        self._enough = Enough(plan.space.goals, options.target, options.patience, plan.validation_images)
        self._heard = 0
        """How many trials that ended it has heard of."""
        self.proposal_s = 0.0
        """How long the last proposal took."""
        self._to_the_end: set[str] = set()
        """Stopped trials that were trained once more, to their end."""
        self.members = Members(plan, plan.space.population, trials, rule) if isinstance(rule, Intervals) else None
        """The population of the search, where it has one."""
        self.begun_before: set[str] = set()
        """Trials that an earlier run of the driver began: they may have left checkpoints."""

    def close(self) -> None:
        """Hand out nothing more; what runs saves and ends, and a resume goes on with it."""
        self.closing = True

    @property
    def fault(self) -> str | None:
        """Why the search ends before its time, None while there is no reason to."""
        return self._recorder.faults.verdict

    @property
    def is_out_of_epochs(self) -> bool:
        """Whether configurations have trained as many epochs as the user gives the search."""
        budget = self._plan.options.epoch_budget
        return budget is not None and self._trials.epochs >= budget

    def found_enough(self) -> str | None:
        """Why the search ends by itself, after a look at what has ended since the last call; None where it goes on."""
        for ended in islice(self._trials.ended.values(), self._heard, None):
            self._heard += 1
            if ended.repeat_of is None and ended.state is not TrialState.FAILED:
                can_lead = ended.state is TrialState.COMPLETE and not ended.is_on_a_part and not ended.violates
                values = self._plan.space.goals.values(ended.row) if can_lead else None
                self._enough.take(ended.value if can_lead else None, values)
        return self._enough.reason

    @property
    def is_non_adaptive(self) -> bool:
        """Whether it draws the same configurations, and as many, whatever its trials find."""
        options = self._plan.options
        ends_early = options.target is not None or options.patience is not None or options.epoch_budget is not None
        return self._plan.space.sampler in NON_ADAPTIVE and not ends_early and self.members is None

    @property
    def tolerates_delay(self) -> bool:
        """Whether its sampler finds as much where each proposal is made before the latest trial has ended."""
        return self._plan.space.sampler in DELAY_TOLERANT

    @property
    def left(self) -> int:
        """How many configurations may still begin."""
        ends = self.is_out_of_epochs or self.found_enough() is not None
        return 0 if ends else max(0, self._plan.trials - self._trials.configurations())

    @property
    def is_closed(self) -> bool:
        """Whether no trial is handed out any more, because the search is being closed or has a fault."""
        return self.closing or self.fault is not None

    def next(self) -> TrialSpec | NoTrial:
        """The next trial to hand out; what has ended is stored and told to the study before the sampler is asked."""
        self._recorder.flush()
        if self.is_closed:
            return NoTrial.END_WORKER if self._trials.running else NoTrial.SEARCH_OVER
        if self.members is not None:
            spec = self._trials.begin_again() or self._member(self.members)
        else:
            spec = (
                self._trials.begin_again() or self._new_configuration() or self._leader_to_its_end() or self._repeat()
            )
        if spec is not None:
            return spec
        if not self._trials.running:
            return NoTrial.SEARCH_OVER
        return NoTrial.KEEP_WORKER if self._plan.space.repeats > 1 or self.members else NoTrial.END_WORKER

    def _member(self, members: Members) -> TrialSpec | None:
        """The next trial of a population: a first member, or, once all wait, what follows from their comparison."""
        if members.lacks_some() and (spec := self._new_configuration()) is not None:
            return spec
        if self._trials.running:
            return None
        if self._trials.waiting:
            self._compare(members)
            return self._trials.begin_again()
        return self._new_configuration() if members.begin_another(self.left) else None

    def _compare(self, members: Members) -> None:
        """End the worst members of a population, begin their followers, let the others go on; one write tells all."""
        found = members.compare(self.left)
        for trial_id in found.going_on:
            self._trials.release(trial_id)
        for trial_id in found.ended:
            self._recorder.give_way(trial_id)
        for follower in found.followers:
            proposal = self._sampling.take(follower.config)
            self._trials.parents[proposal.trial_id] = follower.parent
            self._begin(proposal.trial_id, proposal.number, proposal.config)
            self._trials.put_back(proposal.trial_id)
        self._recorder.flush()

    def _new_configuration(self) -> TrialSpec | None:
        """The sampler's next configuration; an error in the space's function ends the search in order.

        What a crash cut off begins again although epochs or success end the search, so that no trial stays running.
        """
        begun = self._sampling.has_cut_off and self._trials.configurations() < self._plan.trials
        if self.exhausted or not (self.left or begun):
            return None
        began = time.monotonic()
        try:
            proposal = self._sampling.ask()
        except SearchError as error:
            self._recorder.faults.end_search(str(error))
            return None
        self.proposal_s = time.monotonic() - began
        if proposal is None:
            self.exhausted = True
            return None
        return self._begin(proposal.trial_id, proposal.number, proposal.config)

    def _leader_to_its_end(self) -> TrialSpec | None:
        """The trial that has the best value although it was stopped, from its beginning to its end, one at a time.

        Its checkpoint is gone, and its seed is the same, so that it reaches its value again. Each is done once: a
        trainable may itself stop a trial whenever it comes to the same epoch.
        """
        stopped = self._trials.stopped_leader()
        if self.fault or stopped is None or self._to_the_end & {stopped.trial_id, *self._trials.running}:
            return None
        if self._rule.rungs() == ():  # Only its trainable can have stopped it, and would again.
            return None
        self._to_the_end.add(stopped.trial_id)
        self._trials.reopen(stopped.trial_id)
        proposal = self._sampling.ask_again(stopped.trial_id)
        self._recorder.note([f"trial {stopped.trial_id} leads although it was stopped: it is trained to its end"])
        return self._begin(proposal.trial_id, proposal.number, dict(stopped.config), decides=False)

    def _repeat(self) -> TrialSpec | None:
        found = None if self.fault else next_repeat(self._trials, self._plan.space)
        if found is None:
            return None
        first, k = found
        trial_id, config = repeat_id(first.trial_id, k), dict(first.config)
        return self._begin(trial_id, first.number, config, repeat_of=first.trial_id, seed_offset=k, decides=False)

    def _begin(
        self,
        trial_id: str,
        number: int,
        config: dict[str, object],
        *,
        repeat_of: str | None = None,
        seed_offset: int = 0,
        decides: bool = True,
    ) -> TrialSpec:
        settings = self._plan.trial_config(config)
        spec = TrialSpec(
            trial_id,
            settings,
            seed=self._plan.seed + seed_offset,
            proposed_at=time.monotonic(),
            shape=self._plan.space.shape(settings),
            decides=decides,
            begun=trial_id in self.begun_before,
            growth=self._growth(repeat_of),
            keep_above=self._keep_above(repeat_of),
            parent=self._trials.parents.get(trial_id),
        )
        self._recorder.begin(ActiveTrial(spec, number, config, repeat_of))
        return spec

    def _growth(self, repeat_of: str | None) -> Growth:
        """A repeat is the same training; what comes before one that begins anew only serves to decide on it."""
        growth = self._rule.growth()
        return ALL_AT_ONCE if repeat_of is not None and growth.anew else growth

    def _keep_above(self, repeat_of: str | None) -> float | None:
        """The value that a trial must beat for its model to be kept; no repeat can."""
        if repeat_of is None:
            return self._recorder.models.threshold()
        return math.inf if self._plan.space.mode == "max" else -math.inf
