"""The trials that TPE looks at, and how it sees them: all at one rung, and of a long search a selection.

`TPEAtOneRung` is that for another sampler, which asks it for some of its proposals.

Optuna ranks every complete trial above every stopped one, so that TPE takes for good whatever completed, the first
trials among it, which the stopping rule had nothing to compare with. Here it sees only trials that have come as far as
the twelfth of those that came furthest, each as complete with its best value up to there: a model for each rung, as in
BOHB (Falkner et al., ICML 2018). Where nothing is stopped, that is every trial with its value.

TPE reads every earlier trial for every proposal, in interpreted loops, which takes ever longer: 12 ms at 2,000 trials.
It fits one density to the best trials, never more than 25, and one to all others; an even selection of those gives
nearly the same density. So a proposal costs the same from the 1,000th trial on; `benchmarks.samplers --long` compares
what is found.
"""

from __future__ import annotations

import copy
import math
import warnings
from bisect import insort
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

BEST = 50
"""Number of the best trials that are shown: twice as many as TPE fits its density of good trials to."""
LATEST = 200
SELECTED = 750
"""Number of all other trials that are shown."""
_LATEST_ASIDE, _SELECTED_ASIDE = 50, 200
"""The same where TPE is another sampler's second model, so that both together cost no more than one."""
ENOUGH = 12
"""Trials that must have come to a rung before all are judged there."""
FAILED = "failed"
"""User attribute of a trial that failed and is shown as stopped: it is worse than any other, wherever it came."""

_Rank = tuple[int, float, float]
_LEARNT_FROM = (TrialState.COMPLETE, TrialState.PRUNED)


class ThinnedStorage(InMemoryStorage):
    """A study in memory that lists, once it is long, only the trials that are worth a look.

    Every trial keeps the number that it has in the whole study.
    """

    def __init__(self, mode: str, latest: int = LATEST, selected: int = SELECTED) -> None:
        super().__init__()
        self._latest, self._selected = latest, selected
        self._sign = -1.0 if mode == "max" else 1.0
        self._running: set[int] = set()
        self._ended: list[int] = []
        self._best: list[tuple[_Rank, int]] = []
        self.has_stopped = False
        """Whether a trial was stopped that did not fail."""
        self._came_to: dict[int, float] = {}
        """The last epoch of each trial that is learnt from, as `came_to` has it."""
        self._rung = 0.0
        self._shown: dict[int, FrozenTrial | None] = {}
        """Trials as they are shown at that rung, by number."""

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial as Optuna does, and remember it."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._enter(self.get_trial(trial_id))
        return trial_id

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Set the state and values of a trial as Optuna does, and remember them."""
        was_set = super().set_trial_state_values(trial_id, state, values)
        self._enter(self.get_trial(trial_id))
        return was_set

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of the selection in these states, by number, each as `at_rung` shows it."""
        if states == (TrialState.WAITING,):
            return super().get_all_trials(study_id, deepcopy, states)
        trials = self._studies[study_id].trials
        if len(self._ended) > BEST + self._latest + self._selected:
            trials = [trials[number] for number in self._selection()]
        shown = self._at_one_rung(trials)
        return [trial for trial in shown if states is None or trial.state in states]

    def _at_one_rung(self, trials: Sequence[FrozenTrial]) -> Iterator[FrozenTrial]:
        """Give the trials as TPE is to see them; those that run, or are not learnt from, as they are."""
        rung = common_rung(epoch for trial in trials if (epoch := self._came_to.get(trial.number, 0.0)) > 0)
        if rung != self._rung:
            self._rung, self._shown = rung, {}
        for trial in trials:
            number = trial.number
            if number in self._came_to and number not in self._shown:
                self._shown[number] = at_rung(trial, rung, self._sign)
            shown = self._shown.get(number) if number in self._came_to else trial
            if shown is not None:
                yield shown

    def _enter(self, trial: FrozenTrial) -> None:
        if trial.state == TrialState.RUNNING:
            self._running.add(trial.number)
            return
        self._running.discard(trial.number)
        if trial.state in _LEARNT_FROM:
            insort(self._ended, trial.number)
            self._came_to[trial.number] = came_to(trial)
            self.has_stopped |= trial.state == TrialState.PRUNED and FAILED not in trial.user_attrs
            insort(self._best, (self._rank(trial), trial.number))
            del self._best[BEST:]

    def _rank(self, trial: FrozenTrial) -> _Rank:
        """Return the rank by which TPE orders trials.

        Complete trials come first, by value, then pruned ones, by how far they came and then by value.
        """
        if trial.state == TrialState.COMPLETE:
            assert trial.value is not None
            return 0, self._sign * trial.value, 0.0
        if not trial.intermediate_values:
            return 1, 1.0, 0.0
        step, value = max(trial.intermediate_values.items())
        return 1, -float(step), math.inf if math.isnan(value) else self._sign * value

    def _selection(self) -> list[int]:
        others = self._ended[: -self._latest]
        even = (others[i * len(others) // self._selected] for i in range(self._selected))
        best = (number for _, number in self._best)
        return sorted({*self._running, *best, *self._ended[-self._latest :], *even})


class TPEAtOneRung:
    """What TPE would propose, for a sampler that learns by itself too: in a study of its own, told each ended trial.

    Parameters are taken jointly, those under a condition with those that they come with. `startup`: trials at the rung
    up to which TPE proposes at random.
    """

    def __init__(self, seed: int | None, startup: int, maximize: bool) -> None:
        with warnings.catch_warnings():  # Optuna calls both options experiments, and has had them since 2.2 and 2.8.
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=startup)
        self._storage = ThinnedStorage("max" if maximize else "min", _LATEST_ASIDE, _SELECTED_ASIDE)
        self._study = optuna.create_study(
            storage=self._storage, sampler=sampler, direction="maximize" if maximize else "minimize"
        )

    @property
    def has_stopped(self) -> bool:
        """Whether a trial was stopped that did not fail."""
        return self._storage.has_stopped

    def reseed(self) -> None:
        """Propose from here on by another seed, as each of several processes must."""
        self._study.sampler.reseed_rng()

    def take(self, trial: FrozenTrial) -> None:
        """Learn from a trial that has ended; one that failed is worse than any other."""
        failed = trial.state == TrialState.FAIL
        self._study.add_trial(
            create_trial(
                state=TrialState.PRUNED if failed else trial.state,
                value=trial.value if trial.state == TrialState.COMPLETE else None,
                params=trial.params,
                distributions=trial.distributions,
                intermediate_values=trial.intermediate_values,
                user_attrs={FAILED: True} if failed else {},
            )
        )

    def propose(self, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        """Values of all these parameters, also of those that a condition leaves out."""
        trial = self._study.ask(dict(distributions))
        self._study.tell(trial, state=TrialState.FAIL)  # It is begun elsewhere, if at all, and TPE takes no notice.
        return trial.params


def came_to(trial: FrozenTrial) -> float:
    """Return the last epoch of a trial: infinity of a complete one, 0 of one that says nothing but that it is bad."""
    if trial.state is TrialState.COMPLETE:
        return math.inf
    usable = (step for step, value in trial.intermediate_values.items() if not math.isnan(value))
    return 0.0 if FAILED in trial.user_attrs else float(max(usable, default=0))


def common_rung(epochs: Iterable[float]) -> float:
    """Return the epoch to which enough trials have come, of all the epochs to which trials came; 0: there are none."""
    furthest = sorted(epochs, reverse=True)[:ENOUGH]
    return furthest[-1] if furthest else 0.0


def at_rung(trial: FrozenTrial, rung: float, sign: float) -> FrozenTrial | None:
    """Return the trial as it stood at the rung, as complete; None if it has not come there. `sign`: -1 to maximize.

    One that came nowhere is the worst there is: stopped without a value.
    """
    shown, epoch = copy.copy(trial), came_to(trial)
    if epoch == 0:
        shown.state, shown.value, shown.intermediate_values = TrialState.PRUNED, None, {}
        return shown
    values = [value for step, value in trial.intermediate_values.items() if step <= rung and not math.isnan(value)]
    if epoch < rung or (epoch < math.inf and not values):
        return None
    if values and rung < math.inf:
        shown.state, shown.value = TrialState.COMPLETE, min(values, key=lambda value: sign * value)
    return shown
