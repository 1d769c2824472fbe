"""Stopping rules: which trials go on, from plain values."""

import math
import random
import subprocess
import sys

import pytest

from search.errors import SearchError
from search.stopping import Decision, Mode, StoppingRule, make_rule

GO, STOP = Decision.CONTINUE, Decision.STOP
RULES = ["asha", "median", "none"]


def decisions(rule: StoppingRule, epoch: int, values: list[float]) -> list[Decision]:
    """What becomes of one new trial per value, all reporting at the same epoch."""
    return [rule.decide(f"{i:05d}", epoch, value) for i, value in enumerate(values)]


def curves(seed: int, trials: int = 30, epochs: int = 27) -> list[tuple[str, int, float]]:
    """Reports of trials that run side by side, each towards its own level."""
    rng = random.Random(seed)
    levels = {f"{i:05d}": rng.random() for i in range(trials)}
    reports = [(name, epoch, level * (1 - 0.7**epoch)) for name, level in levels.items() for epoch in range(1, epochs)]
    return sorted(reports, key=lambda report: (report[1], report[0]))


def surviving(rule: StoppingRule, reports: list[tuple[str, int, float]]) -> set[str]:
    stopped: set[str] = set()
    for name, epoch, value in reports:
        if name not in stopped and rule.decide(name, epoch, value) is STOP:
            stopped.add(name)
    return {name for name, _, _ in reports} - stopped


@pytest.mark.parametrize("name", RULES)
def test_same_reports_give_the_same_decisions(name: str) -> None:
    reports = curves(0)
    first, again = ([rule.decide(*r) for r in reports] for rule in (make_rule(name, "max", {}, 27) for _ in range(2)))
    assert first == again


@pytest.mark.parametrize("name", RULES)
def test_repeated_report_goes_on(name: str) -> None:
    rule = make_rule(name, "max", {}, 27)
    for report in curves(1):
        rule.decide(*report)
    assert {rule.decide(*report) for report in curves(1)} == {GO}


@pytest.mark.parametrize("name", RULES)
def test_mode_min_is_mode_max_of_the_negative(name: str) -> None:
    largest, least = make_rule(name, "max", {}, 27), make_rule(name, "min", {}, 27)
    for trial, epoch, value in curves(2):
        assert largest.decide(trial, epoch, value) is least.decide(trial, epoch, -value)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("mode", ["max", "min"])
def test_best_trial_is_never_stopped(name: str, mode: Mode) -> None:
    for seed in range(10):
        reports = curves(seed)
        best = (max if mode == "max" else min)(reports, key=lambda report: report[2])[0]
        assert best in surviving(make_rule(name, mode, {}, 27), reports)


def test_halving_keeps_about_a_third_at_each_rung() -> None:
    left = len(surviving(make_rule("asha", "max", {}, 27), curves(0, trials=270)))
    assert 10 <= left <= 60  # 270 / 27 in the best case; what came early was measured against few.


def test_what_a_model_proposed_does_not_raise_the_bar_at_the_first_two_rungs() -> None:
    """Nine random trials, then many of a model that are better: who is among the best of the random ones goes on."""
    rule = make_rule("asha", "max", {}, 27, lambda trial_id: trial_id >= "00009")
    decisions(rule, 1, [n / 10 for n in range(9)])
    assert {rule.decide(f"{n:05d}", 1, 0.9) for n in range(9, 40)} == {GO}
    assert rule.decide("00040", 1, 0.65) is GO  # Two of nine random ones are better, and 31 of the model.
    assert rule.decide("00041", 1, 0.55) is STOP


def test_where_too_few_random_trials_came_all_are_compared() -> None:
    rule = make_rule("asha", "max", {}, 27, lambda trial_id: True)
    assert decisions(rule, 1, [0.5, 0.4, 0.6, 0.3]) == [GO, STOP, GO, STOP]


def test_at_the_third_rung_all_are_compared() -> None:
    rule = make_rule("asha", "max", {}, 27, lambda trial_id: trial_id != "00000")
    for n in range(9):
        rule.decide(f"{n:05d}", 9, n / 10)
    assert rule.decide("00009", 9, 0.55) is STOP


def test_halving_stands_its_rungs_a_factor_apart_below_the_last_epoch() -> None:
    assert make_rule("asha", "max", {}, 27).rungs() == (1, 3, 9)
    assert make_rule("asha", "max", {"min_epochs": 2, "reduction_factor": 2}, 20).rungs() == (2, 4, 8, 16)
    assert make_rule("asha", "max", {"reduction_factor": 1.5}, 6).rungs() == (1, 2, 3, 4)
    assert make_rule("asha", "max", {}, 1).rungs() == ()
    assert make_rule("median", "max", {}, 27).rungs() is None


def test_halving_stops_at_rungs_only() -> None:
    rule = make_rule("asha", "max", {}, 27)
    stopped = {epoch for name, epoch, value in curves(3) if rule.decide(name, epoch, value) is STOP}
    assert stopped == {1, 3, 9}


def test_halving_cuts_nobody_before_its_minimum_of_records() -> None:
    values = [0.9, 0.8, 0.7, 0.6, 0.5]
    assert decisions(make_rule("asha", "max", {}, 27), 1, values) == [GO, STOP, STOP, STOP, STOP]
    assert decisions(make_rule("asha", "max", {"min_records": 3}, 27), 1, values) == [GO, GO, STOP, STOP, STOP]
    assert decisions(make_rule("asha", "max", {"min_records": 5}, 27), 1, values) == [GO, GO, GO, GO, STOP]


def test_halving_lets_ties_go_on() -> None:
    assert decisions(make_rule("asha", "max", {}, 27), 1, [1.0] * 6 + [0.9]) == [GO] * 6 + [STOP]


def test_halving_measures_a_trial_by_its_best_epoch_so_far() -> None:
    rule = make_rule("asha", "max", {"min_epochs": 3}, 27)
    for epoch, value in ((1, 0.9), (2, 0.2), (3, 0.2)):
        rule.decide("dipped", epoch, value)
    assert decisions(rule, 3, [0.8, 0.95, 0.9]) == [STOP, GO, STOP]


def test_halving_counts_running_trials_that_are_better_before_they_have_come_to_the_rung() -> None:
    rule = make_rule("asha", "max", {}, 27)
    assert [rule.decide("first", 1, 0.5), rule.decide("second", 1, 0.6)] == [GO, GO]
    assert rule.decide("second", 2, 0.3) is GO
    assert rule.decide("first", 3, 0.55) is STOP  # The second had 0.6 already.
    rule.end("first")
    assert rule.decide("second", 3, 0.5) is GO


def test_halving_counts_a_trial_that_has_ended_only_where_it_came_to() -> None:
    rule = make_rule("asha", "max", {}, 27)
    assert [rule.decide("first", 1, 0.5), rule.decide("second", 1, 0.6)] == [GO, GO]
    rule.end("second")
    rule.end("unknown")
    assert rule.decide("first", 3, 0.55) is GO


def test_halving_is_not_held_up_by_running_trials_on_fewer_images() -> None:
    rule = make_rule("asha", "max", {"fidelity": "both"}, 27)
    assert [rule.decide("first", 1, 0.5), rule.decide("second", 1, 0.6)] == [GO, GO]
    assert rule.decide("first", 3, 0.55) is GO  # On three times the images of the second.


def test_halving_compares_a_trial_with_the_latest_arrivals_only() -> None:
    risen = [0.1] * 40 + [0.5 + number / 100 for number in range(18)]
    assert decisions(make_rule("asha", "max", {}, 27), 1, [*risen, 0.55]) == [GO] * 58 + [STOP]
    assert decisions(make_rule("asha", "max", {"window": 59}, 27), 1, [*risen, 0.55]) == [GO] * 59


def test_trial_that_starts_behind_a_rung_arrives_at_it_with_its_first_report() -> None:
    rule = make_rule("asha", "max", {}, 27)
    decisions(rule, 1, [0.9, 0.8, 0.7])
    assert rule.decide("late", 2, 0.1) is STOP


@pytest.mark.parametrize("name", ["asha", "median"])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_nan_is_the_worst_value(name: str, mode: Mode) -> None:
    rule = make_rule(name, mode, {}, 27)
    decisions(rule, 1, [0.5] * 6)
    assert rule.decide("nan", 1, math.nan) is STOP
    assert rule.decide("finite", 1, 0.5) is GO


def test_median_stops_what_is_below_the_median_of_the_means() -> None:
    rule = make_rule("median", "max", {}, 27)
    for index, level in enumerate((0.1, 0.2, 0.3, 0.4, 0.5)):
        for epoch in (1, 2):
            rule.decide(f"{index}", epoch, level * epoch)  # Means up to epoch 2: 1.5 times the level; median 0.45.
    assert rule.decide("below", 2, 0.44) is STOP
    assert rule.decide("above", 2, 0.46) is GO


def test_median_spares_the_first_epochs_and_the_first_trials() -> None:
    values = [0.9, 0.8, 0.7, 0.6]
    assert decisions(make_rule("median", "max", {"min_epochs": 3, "min_records": 2}, 27), 2, values) == [GO] * 4
    assert decisions(make_rule("median", "max", {"min_records": 2}, 27), 3, values) == [GO, GO, STOP, STOP]
    assert decisions(make_rule("median", "max", {"min_records": 4}, 27), 3, values) == [GO] * 4


def test_none_stops_nobody() -> None:
    assert {make_rule("none", "max", {}, 27).decide(*report) for report in [*curves(0), ("x", 1, math.nan)]} == {GO}


@pytest.mark.parametrize("name", ["asha", "median"])
def test_forgotten_trial_is_no_measure_for_others(name: str) -> None:
    rule = make_rule(name, "max", {"min_records": 1}, 27)
    rule.decide("wrong", 1, 0.99)
    rule.forget("wrong")
    rule.forget("unknown")
    assert rule.decide("other", 1, 0.5) is GO


@pytest.mark.parametrize("name", RULES)
def test_rule_that_is_told_the_reports_again_goes_on_as_the_first(name: str) -> None:
    reports = curves(4)
    whole, resumed = make_rule(name, "max", {}, 27), make_rule(name, "max", {}, 27)
    for report in reports[:300]:
        whole.decide(*report)
    for report in sorted(reports[:300]):  # Trial by trial, as the table holds them.
        resumed.decide(*report)
    assert [whole.decide(*report) for report in reports[300:]] == [resumed.decide(*report) for report in reports[300:]]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("hyperband", {}, "expected one of: asha, median, none"),
        ("asha", {"grace": 1}, "no option 'grace'; expected one of: reduction_factor"),
        ("median", {"reduction_factor": 3}, "expected one of: min_epochs, min_records"),
        ("none", {"min_epochs": 3}, "it takes none"),
        ("asha", {"reduction_factor": 1}, "a number above 1"),
        ("asha", {"min_epochs": 0}, "a whole number above 0"),
        ("asha", {"min_epochs": 1.5}, "a whole number above 0"),
        ("median", {"min_records": True}, "a whole number above 0"),
        ("asha", {"reduction_factor": math.nan}, "a number above 1"),
    ],
)
def test_wrong_option_is_named(name: str, options: dict[str, float], words: str) -> None:
    with pytest.raises(SearchError, match=words):
        make_rule(name, "max", options, 27)


def test_rules_need_neither_ray_nor_optuna() -> None:
    code = "import sys, search.stopping; assert not {'ray', 'optuna', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
