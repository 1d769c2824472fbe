"""Selects the trials that TPE looks at: all that run, the best, the latest, and an even selection of the others.

TPE reads every earlier trial for every proposal, in interpreted loops, which takes ever longer: 12 ms at 2,000 trials.
It fits one density to the best trials, never more than 25, and one to all others; an even selection of those gives
nearly the same density. So a proposal costs the same from the 1,000th trial on; `benchmarks.samplers --long` compares
what is found.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Container, Sequence

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

BEST = 50
"""Number of the best trials that are shown: twice as many as TPE fits its density of good trials to."""
LATEST = 200
SELECTED = 750
"""Number of all other trials that are shown."""

_Rank = tuple[int, float, float]
_LEARNT_FROM = (TrialState.COMPLETE, TrialState.PRUNED)


class ThinnedStorage(InMemoryStorage):
    """A study in memory that lists, once it is long, only the trials that are worth a look.

    Every trial keeps the number that it has in the whole study.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._sign = -1.0 if mode == "max" else 1.0
        self._running: set[int] = set()
        self._ended: list[int] = []
        self._best: list[tuple[_Rank, int]] = []

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
        """Return the trials of the selection in these states, by number."""
        if len(self._ended) <= BEST + LATEST + SELECTED or states == (TrialState.WAITING,):
            return super().get_all_trials(study_id, deepcopy, states)
        trials = [self._studies[study_id].trials[number] for number in self._selection()]
        return [trial for trial in trials if states is None or trial.state in states]

    def _enter(self, trial: FrozenTrial) -> None:
        if trial.state == TrialState.RUNNING:
            self._running.add(trial.number)
            return
        self._running.discard(trial.number)
        if trial.state in _LEARNT_FROM:
            insort(self._ended, trial.number)
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
        others = self._ended[:-LATEST]
        even = (others[i * len(others) // SELECTED] for i in range(SELECTED))
        best = (number for _, number in self._best)
        return sorted({*self._running, *best, *self._ended[-LATEST:], *even})
