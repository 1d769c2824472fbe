"""The population of a search as it stands: who belongs to it, and what follows when all have come to one epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from search.driver.history import History, parent_of
from search.driver.population.explore import explored
from search.driver.trials import ActiveTrial, EndedTrial, Trials
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.population import Population
from search.space import Config
from search.stopping import Intervals
from search.trial.messages import Parent


@dataclass(frozen=True)
class Follower:
    """A trial that is to go on with the training of another."""

    parent: Parent
    config: Config


@dataclass(frozen=True)
class Comparison:
    """What follows when all members have come to one epoch."""

    ended: tuple[str, ...]
    """Members that give way."""
    going_on: tuple[str, ...]
    followers: tuple[Follower, ...]


class Members:
    """Compares the members of a population, and of the next one when it has ended.

    All that it decides follows from the tables and the seed: a search that was killed decides the same again.
    """

    def __init__(self, plan: Plan, population: Population, trials: Trials, rule: Intervals) -> None:
        self._plan, self._population, self._trials, self._rule = plan, population, trials, rule
        self._since = 0
        """Number of the population's first trial: those of earlier ones have lower numbers."""
        self._cut_off: set[str] = set()
        """Trials of an earlier run of the driver that are to be begun again."""

    def restore(self, history: History) -> None:
        """Find where an earlier run of the driver stood; its trials that have ended are among those of the search."""
        self._cut_off = set(history.running)
        ended = {trial_id: parent_of(trial.row) for trial_id, trial in self._trials.ended.items()}
        parents = {one: parent for one, parent in {**ended, **history.parents}.items() if parent is not None}
        numbers = {trial_id: int(trial_id) for trial_id in (*self._trials.ended, *history.running)}
        first = sorted(number for trial_id, number in numbers.items() if trial_id not in parents)
        if first:
            self._since = first[(len(first) - 1) // self._population.members * self._population.members]
        own = [trial_id for trial_id, number in numbers.items() if number >= self._since]
        passed = [parents[trial_id].epoch for trial_id in own if trial_id in parents]
        for trial_id in own:  # Whoever has trained on behind an epoch was compared there.
            passed += [rung for rung in self._rule.rungs() or () if rung < history.reached.get(trial_id, 0)]
        self._rule.passed = max(passed, default=0)

    def lacks_some(self) -> bool:
        """Whether first members are still to begin, or trials that were cut off to begin again."""
        active = [*self._trials.active()]
        if self._cut_off - {trial.spec.trial_id for trial in active} - self._trials.ended.keys():
            return True
        ended = [trial for trial in self._ended() if trial.row.get("parent") is None]
        first = [trial for trial in active if trial.spec.parent is None and trial.number >= self._since]
        return len(ended) + len(first) < self._population.members

    def begin_another(self, free: int) -> bool:
        """Whether another population begins, now that all trials have ended; only one of which all members can."""
        if free < self._population.members:
            return False
        self._since = 1 + max((trial.number for trial in self._trials.ended.values()), default=-1)
        self._rule.passed = 0
        return True

    def compare(self, free: int) -> Comparison:
        """Compare the members, which all wait; at most `free` trials may follow others.

        Those that failed are replaced too. Where fewer may follow than are to give way, the others go on.
        """
        waiting = self._trials.waiting
        epoch = min(int(trial.epochs[-1]["epoch"]) for trial in waiting.values())
        values = self._values(waiting, epoch)
        rng = Random(f"{self._plan.seed} {self._since} {epoch}")
        in_order = sorted(values, key=lambda one: (-values[one], one))
        failed = min(free, self._vacant())
        give_way = max(0, min(self._population.replaced, free - failed, len(in_order) - 1))
        staying, ended = in_order[: len(in_order) - give_way], in_order[len(in_order) - give_way :]
        parents = [rng.choice(staying[: self._population.replaced]) for _ in range(give_way + failed)]
        self._rule.passed = epoch
        return Comparison(tuple(ended), self._released(ended, epoch), tuple(self._followers(parents, epoch, rng)))

    def _values(self, waiting: Mapping[str, ActiveTrial], epoch: int) -> dict[str, float]:
        """The metric after that epoch by trial id, so that a larger one is better."""
        metric, sign = self._plan.space.metric, 1 if self._plan.space.mode == "max" else -1
        at = {trial_id: [m[metric] for m in trial.epochs if m["epoch"] == epoch] for trial_id, trial in waiting.items()}
        return {trial_id: sign * found[0] for trial_id, found in at.items() if found}

    def _vacant(self) -> int:
        """How many members have ended without success and are not replaced yet."""
        own = [*self._ended()]
        lost = sum(trial.state is not TrialState.COMPLETE for trial in own)
        followers = sum(trial.row.get("parent") is not None for trial in own)
        followers += sum(t.spec.parent is not None for t in self._trials.active() if t.number >= self._since)
        return max(0, lost - followers)

    def _ended(self) -> Iterable[EndedTrial]:
        return (trial for trial in self._trials.ended.values() if trial.number >= self._since)

    def _released(self, ended: list[str], epoch: int) -> tuple[str, ...]:
        waiting = self._trials.waiting.items()
        return tuple(sorted(id_ for id_, t in waiting if t.epochs[-1]["epoch"] == epoch and id_ not in ended))

    def _followers(self, parents: Iterable[str], epoch: int, rng: Random) -> Iterable[Follower]:
        for parent in parents:
            config = self._trials.waiting[parent].config
            yield Follower(Parent(parent, epoch), explored(config, self._plan.space, self._population, rng))
