"""What TPE looks at in a long search."""

from __future__ import annotations

from itertools import pairwise

import optuna
import pytest
from optuna.trial import TrialState

from search.sampling.thinned import BEST, LATEST, SELECTED, ThinnedStorage

SHORT = BEST + LATEST + SELECTED


def study(trials: int, mode: str = "min") -> optuna.Study:
    """`trials` complete ones whose value is their number's distance to 1,000, and two that run."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = optuna.create_study(
        storage=ThinnedStorage(mode),
        sampler=optuna.samplers.RandomSampler(seed=0),
        direction="minimize" if mode == "min" else "maximize",
    )
    running = [found.ask() for _ in range(2)]
    assert [trial.number for trial in running] == [0, 1]
    for number in range(2, trials + 2):
        trial = found.ask()
        trial.suggest_float("x", 0, 1)
        found.tell(trial, abs(number - 1000) * (1 if mode == "min" else -1))
    return found


def numbers(of: optuna.Study) -> list[int]:
    return [trial.number for trial in of.get_trials(deepcopy=False)]


def test_a_short_search_is_seen_whole() -> None:
    assert numbers(study(SHORT)) == list(range(SHORT + 2))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_long_search_is_seen_in_part_with_the_best_the_latest_and_those_that_run(mode: str) -> None:
    seen = numbers(study(3000, mode))
    assert SELECTED <= len(seen) <= SHORT + 2
    assert seen == sorted(set(seen))
    assert {0, 1} <= set(seen)
    assert set(range(1000 - 12, 1000 + 13)) <= set(seen)
    assert set(range(3002 - LATEST, 3002)) <= set(seen)


def test_the_others_are_seen_evenly() -> None:
    seen = [number for number in numbers(study(3000)) if number not in range(900, 1100)]
    assert max(after - before for before, after in pairwise(seen) if after < 900) <= 8


def test_pruned_trials_rank_behind_complete_ones_by_how_far_they_came() -> None:
    found = study(10)
    for epoch, value in ((1, 5.0), (3, 9.0), (3, 7.0)):
        trial = found.ask()
        trial.report(value, epoch)
        found.tell(trial, state=TrialState.PRUNED)
    storage = found._storage
    assert isinstance(storage, ThinnedStorage)
    assert [number for _, number in storage._best][-3:] == [14, 13, 12]


def test_a_study_that_is_taken_in_whole_is_thinned_too() -> None:
    again = optuna.create_study(storage=ThinnedStorage("min"), direction="minimize")
    for number in range(SHORT + 100):
        again.add_trial(optuna.trial.create_trial(state=TrialState.COMPLETE, value=float(number)))
    assert set(range(BEST)) <= set(numbers(again))
    assert len(numbers(again)) <= SHORT
