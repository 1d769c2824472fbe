"""What a search may expect of successive halving."""

from __future__ import annotations

import numpy as np
import pytest

from search.stopping import Decision, expect, make_rule


def test_of_81_trials_a_third_goes_on_at_each_rung() -> None:
    found = expect((1, 3, 9, 27), 1 / 3, 30, 81, None)
    assert [(end, round(trials, 6)) for end, trials in found.arrivals] == [
        (1, 81),
        (3, 27),
        (9, 9),
        (27, 3),
        (30, 1),
    ]
    assert found.epochs == pytest.approx(81 + 27 * 2 + 9 * 6 + 3 * 18 + 1 * 3)


def test_an_epoch_budget_pays_for_fewer_trials_and_never_for_more_than_are_asked_for() -> None:
    assert expect((), 1.0, 10, 40, 100).arrivals == ((10, 10.0),)
    assert expect((), 1.0, 10, 4, 100).epochs == 40


def test_what_is_expected_is_about_what_the_rule_does_with_random_trials() -> None:
    # The first trials find few to be compared with, so that more of them go on: 285 epochs on average, not 243.
    rng, epochs = np.random.default_rng(0), []
    for _ in range(20):
        rule = make_rule("asha", "max", {}, 27)
        for trial in range(81):
            value = rng.random()
            reached = next((r for r in (1, 3, 9) if rule.decide(str(trial), r, value) is Decision.STOP), 27)
            rule.end(str(trial))
            epochs.append(reached)
    assert np.mean(epochs) * 81 == pytest.approx(expect((1, 3, 9), 1 / 3, 27, 81, None).epochs, rel=0.2)
