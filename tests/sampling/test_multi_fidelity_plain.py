"""The sampler that learns from learning curves, in plain Optuna studies whose trials begin, repeat, fail or explode."""

from __future__ import annotations

import math
from collections.abc import Callable

import optuna
import pytest
from optuna.trial import Trial

from search.sampling.multi_fidelity import MultiFidelitySampler


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def loss(trial: Trial) -> float:
    """A basin around 0.7 and 0.01."""
    x, rate = trial.suggest_float("x", 0, 1), trial.suggest_float("rate", 1e-4, 1, log=True)
    return (x - 0.7) ** 2 + 0.1 * (math.log10(rate) + 2) ** 2


@pytest.mark.parametrize(("reported", "joint"), [(7, False), (8, True)])
def test_the_model_begins_with_the_eighth_trial_that_has_reported_also_while_all_run(
    reported: int, joint: bool
) -> None:
    sampler = MultiFidelitySampler(0, max_epochs=9)
    found = optuna.create_study(sampler=sampler)
    for _ in range(reported):
        trial = found.ask()
        trial.report(loss(trial), 1)
    frozen = found.ask()._get_latest_trial()
    space = sampler.infer_relative_search_space(found, frozen)
    assert any(sampler.sample_relative(found, frozen, space) for _ in range(10)) is joint


def test_the_first_trial_stands_in_the_middle_of_all_ranges_and_the_next_seven_near_it() -> None:
    def of_two_ranges(trial: Trial) -> float:
        trial.suggest_categorical("network", ["dense", "conv"])
        trial.suggest_int("units", 10, 30, step=10)
        return loss(trial)

    found = optuna.create_study(sampler=MultiFidelitySampler(0))
    found.optimize(of_two_ranges, n_trials=8)
    first, *others = (trial.params for trial in found.trials)
    assert (first["x"], first["rate"], first["units"]) == (0.5, pytest.approx(0.01), 20)
    assert all(0.2 <= params["x"] <= 0.8 and -3.2 <= math.log10(params["rate"]) <= -0.8 for params in others)
    assert len({params["x"] for params in others}) == 7
    assert {params["network"] for params in others} == {"dense", "conv"}


def test_later_random_proposals_have_whole_ranges_and_more_often_the_middle() -> None:
    found = optuna.create_study(sampler=MultiFidelitySampler(0))
    for _ in range(208):
        found.ask().suggest_float("x", 0, 1)  # None is told anything, so that no model begins.
    places = [trial.params["x"] for trial in found.trials[8:]]
    assert min(places) < 0.1
    assert max(places) > 0.9
    assert sum(0.25 <= place <= 0.75 for place in places) > 120


def _diverges(trial: Trial) -> float:
    trial.report(math.nan if trial.number % 3 else loss(trial), 1)
    return loss(trial)


def _fails(trial: Trial) -> float:
    raise ValueError(loss(trial))


def _has_one_value(trial: Trial) -> float:
    return float(trial.suggest_categorical("only", [1.0]))


def _repeats(trial: Trial) -> float:
    return float(trial.suggest_int("few", 0, 2))


def _explodes(trial: Trial) -> float:
    trial.report(10.0 ** (300 * trial.suggest_float("x", 0, 1)), 1)
    raise optuna.TrialPruned


def _asks_by_what_it_was_told(trial: Trial) -> float:
    names = ["rate"] * trial.suggest_categorical("deep", [False, True]) + [f"x{trial.suggest_int('n', 1, 3)}"]
    return sum(trial.suggest_float(name, 0.1, 1, log=True) for name in names)


@pytest.mark.parametrize(
    "objective", [_diverges, _fails, _has_one_value, _repeats, _explodes, _asks_by_what_it_was_told]
)
def test_a_plain_study_goes_on_whatever_becomes_of_its_trials(objective: Callable[[Trial], float]) -> None:
    found = optuna.create_study(sampler=MultiFidelitySampler(0))
    found.optimize(objective, n_trials=40, catch=(ValueError,))
    assert len(found.trials) == 40
    for trial in found.trials:
        assert all(of._contains(of.to_internal_repr(trial.params[name])) for name, of in trial.distributions.items())
