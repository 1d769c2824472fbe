"""A search that ends by itself: good enough, or nothing better for long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from search.goals import Goals, Values
from search.planning.options import parse
from search.stopping.enough import Enough
from tests.support.search_world import World

VALUES = [0.5, 0.7, 0.6, 0.65, 0.8, 0.3, 0.2, 0.1]


def goals(mode: str = "max") -> Goals:
    return Goals("score", mode)


def ended_after(enough: Enough, values: Sequence[float | Values]) -> int | None:
    """After how many configurations there is a reason; the first objective is the metric."""
    for number, found in enumerate(values, 1):
        reached = found if isinstance(found, tuple) else (found,)
        enough.take(reached[0], reached)
        if enough.reason is not None:
            return number
    return None


@pytest.mark.parametrize(
    ("mode", "target", "patience", "after"),
    [
        ("max", 0.7, None, 2),
        ("max", 0.9, None, None),
        ("min", 0.3, None, 6),
        ("max", None, 2, 4),
        ("max", None, 3, 8),
        ("min", None, 4, 5),
        ("max", 0.8, 3, 5),
        ("max", None, None, None),
    ],
)
def test_target_and_patience_end_when_they_are_reached(
    mode: str, target: float | None, patience: int | None, after: int | None
) -> None:
    assert ended_after(Enough(goals(mode), target, patience, {}), VALUES) == after


def test_improvement_within_the_noise_is_none_and_small_steps_add_up() -> None:
    step = (0.9 * 0.1 / 1000) ** 0.5 * 0.4  # Standard errors of 0.9 on 1,000 images.
    values = [0.9 + step * number for number in range(9)]
    assert ended_after(Enough(goals(), None, 2, {"score": 1000}), values) == 3
    assert ended_after(Enough(goals(), None, 3, {"score": 1000}), values) is None
    assert ended_after(Enough(goals(), None, 2, {}), values) is None


def test_pruned_trial_is_no_improvement_and_reaches_no_target() -> None:
    enough = Enough(goals(), 0.9, 2, {})
    enough.take(0.5, (0.5,))
    enough.take(None, None)
    assert enough.reason is None
    enough.take(None, None)
    assert enough.reason == "2 configurations have not improved score 0.5"


BOTH = Goals("val_accuracy", "max", {"val_accuracy": "max", "num_parameters": "min"})
"""A larger network is to be better."""


def test_patience_with_several_objectives_follows_the_front() -> None:
    front = [(0.9, 1000.0), (0.8, 500.0), (0.7, 100.0)]  # By the first alone, two have not improved.
    dominated = [(0.9, 1000.0), (0.7, 400.0), (0.85, 1200.0)]
    assert ended_after(Enough(BOTH, None, 2, {}), front) is None
    enough = Enough(BOTH, None, 3, {})
    assert ended_after(enough, [*front, *dominated]) == 6
    assert enough.reason == (
        "3 configurations have not extended the front of 3 configurations by val_accuracy and num_parameters"
    )
    assert ended_after(Enough(BOTH, 0.95, 3, {}), [(0.9, 10.0), (0.96, 1000.0)]) == 2, "the target is the metric's"


def test_front_is_extended_by_more_than_the_noise_of_an_accuracy_only() -> None:
    noise = (0.9 * 0.1 / 1000) ** 0.5
    within, beyond = (0.9 + 0.5 * noise, 1000.0), (0.9 + 1.5 * noise, 1000.0)
    assert ended_after(Enough(BOTH, None, 1, {"val_accuracy": 1000}), [(0.9, 1000.0), within]) == 2
    assert ended_after(Enough(BOTH, None, 1, {"val_accuracy": 1000}), [(0.9, 1000.0), beyond]) is None
    assert ended_after(Enough(BOTH, None, 1, {"val_accuracy": 1000}), [(0.9, 1000.0), (0.9, 999.0)]) is None


def test_search_begins_nothing_new_keeps_its_trials_and_goes_on_without_the_option(tmp_path: Path) -> None:
    world = World(tmp_path, trials=9)
    world.resume(target=0.6)
    values = iter(VALUES)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 2
    assert world.search.queue.found_enough() == "value 0.7 reaches the target of 0.6"
    world.resume(target=0.6)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 2
    world.resume(target=None, patience=3)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 8
    assert world.search.queue.found_enough() == "3 configurations have not improved value 0.8"
    world.close()


def test_options_are_those_of_a_command_and_no_part_of_what_is_asked() -> None:
    options = parse(["s", "--target", "-0.5", "--patience", "3"])
    assert (options.target, options.patience) == (-0.5, 3)
    assert {"target", "patience"} & set(options.deciding()) == set()
