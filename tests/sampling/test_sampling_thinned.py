"""What TPE looks at in a long search."""

from __future__ import annotations

import math
from itertools import pairwise

import optuna
import pytest
from optuna.trial import TrialState

from search.sampling.samplers import PartlyRandomTPE
from search.sampling.thinned import BEST, ENOUGH, FAILED, LATEST, SELECTED, ThinnedStorage

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


def rungs(mode: str, trials: list[tuple[TrialState, list[float]]]) -> list[tuple[int, TrialState, float | None]]:
    """Number, state and value under which each trial is shown; given are their ends, and reports from epoch 1 on."""
    found = optuna.create_study(storage=ThinnedStorage(mode), direction="minimize" if mode == "min" else "maximize")
    for state, reports in trials:
        trial = found.ask()
        for epoch, value in enumerate(reports, 1):
            trial.report(value, epoch)
        if state is not TrialState.RUNNING:
            found.tell(trial, reports[-1] if state is TrialState.COMPLETE else None, state)
    shown = found.get_trials(deepcopy=False)
    return [(t.number, t.state, t.values[0] if t.values else None) for t in shown]


STOPPED, COMPLETE, RUNNING = TrialState.PRUNED, TrialState.COMPLETE, TrialState.RUNNING


def test_stopped_and_complete_trials_are_compared_where_enough_of_them_have_come() -> None:
    early = [(STOPPED, [0.9])] * 30
    third = [(STOPPED, [0.1, 0.5, 0.3])] * (ENOUGH - 2)
    whole = [(COMPLETE, [0.2, 0.4, 0.3, 0.8]), (COMPLETE, [0.1, 0.2, 0.1, 0.1])]
    shown = rungs("max", [*early, *third, *whole, (RUNNING, [0.7])])
    assert [number for number, *_ in shown] == list(range(30, 30 + ENOUGH + 1))
    assert {(state, value) for _, state, value in shown[: ENOUGH - 2]} == {(COMPLETE, 0.5)}
    assert [value for *_, value in shown[-3:-1]] == [0.4, 0.2]
    assert shown[-1][1] is RUNNING


def test_complete_trials_are_seen_with_their_values_where_there_are_enough_of_them() -> None:
    shown = rungs("min", [(STOPPED, [0.1]), *[(COMPLETE, [0.1, 0.7])] * ENOUGH])
    assert shown == [(number, COMPLETE, 0.7) for number in range(1, ENOUGH + 1)]


def test_a_trial_without_a_usable_value_is_the_worst_wherever_it_came() -> None:
    shown = rungs("max", [(STOPPED, [math.nan]), (STOPPED, [0.5]), (STOPPED, [math.nan, math.nan])])
    assert shown == [(0, STOPPED, None), (1, COMPLETE, 0.5), (2, STOPPED, None)]


@pytest.mark.parametrize("taken_in", [False, True])
def test_a_failed_trial_is_the_worst_also_where_it_began_well(taken_in: bool) -> None:
    storage = ThinnedStorage("max")
    found = optuna.create_study(storage=storage, direction="maximize")
    if taken_in:
        attrs = {FAILED: True}
        found.add_trial(optuna.trial.create_trial(state=STOPPED, intermediate_values={1: 0.9}, user_attrs=attrs))
    else:
        trial = found.ask()
        trial.report(0.9, 1)
        trial.set_user_attr(FAILED, True)
        found.tell(trial, state=STOPPED)
    (shown,) = found.get_trials(deepcopy=False)
    assert (shown.state, shown.values, shown.intermediate_values) == (STOPPED, None, {})


def test_a_study_that_is_taken_in_whole_is_thinned_too() -> None:
    again = optuna.create_study(storage=ThinnedStorage("min"), direction="minimize")
    for number in range(SHORT + 100):
        again.add_trial(optuna.trial.create_trial(state=TrialState.COMPLETE, value=float(number)))
    assert set(range(BEST)) <= set(numbers(again))
    assert len(numbers(again)) <= SHORT


@pytest.mark.parametrize(("first_end", "least", "most"), [(COMPLETE, 300, 300), (STOPPED, 160, 240)])
def test_once_a_trial_was_stopped_tpe_proposes_a_third_at_random(first_end: TrialState, least: int, most: int) -> None:
    found = optuna.create_study(storage=ThinnedStorage("min"), sampler=PartlyRandomTPE(0), direction="minimize")
    for end in [first_end, *[COMPLETE] * 39, *[TrialState.FAIL] * 300]:
        trial = found.ask()
        value = trial.suggest_float("x", 0, 1)
        trial.report(value, 1)
        found.tell(trial, value if end is COMPLETE else None, end)
    # Optuna notes on a trial what was sampled jointly.
    jointly = [any("relative_params" in note for note in t.system_attrs) for t in found.get_trials()[-300:]]
    assert least <= sum(jointly) <= most
