"""A search that ends by itself: good enough, or nothing better for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.planning.options import parse
from search.stopping.enough import Enough
from tests.support.search_world import World

VALUES = [0.5, 0.7, 0.6, 0.65, 0.8, 0.3, 0.2, 0.1]


def ended_after(enough: Enough, values: list[float]) -> int | None:
    """After how many configurations there is a reason."""
    for number, value in enumerate(values, 1):
        enough.take(value, complete=True)
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
    assert ended_after(Enough(mode, target, patience, None), VALUES) == after


def test_improvement_within_the_noise_is_none_and_small_steps_add_up() -> None:
    step = (0.9 * 0.1 / 1000) ** 0.5 * 0.4  # Standard errors of 0.9 on 1,000 images.
    values = [0.9 + step * number for number in range(9)]
    assert ended_after(Enough("max", None, 2, 1000), values) == 3
    assert ended_after(Enough("max", None, 3, 1000), values) is None
    assert ended_after(Enough("max", None, 2, None), values) is None


def test_pruned_trial_is_no_improvement_and_reaches_no_target() -> None:
    enough = Enough("max", 0.9, 2, None)
    enough.take(0.5, complete=True)
    enough.take(0.95, complete=False)
    assert enough.reason is None
    enough.take(0.96, complete=False)
    assert enough.reason == "2 configurations have not improved 0.5"


def test_search_begins_nothing_new_keeps_its_trials_and_goes_on_without_the_option(tmp_path: Path) -> None:
    world = World(tmp_path, trials=9)
    world.resume(target=0.6)
    values = iter(VALUES)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 2
    assert world.search.queue.enough == "0.7 reaches the target of 0.6"
    world.resume(target=0.6)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 2
    world.resume(target=None, patience=3)
    world.run(lambda spec: next(values))
    assert len(world.states()) == 8
    assert world.search.queue.enough == "3 configurations have not improved 0.8"
    world.close()


def test_options_are_those_of_a_command_and_no_part_of_what_is_asked() -> None:
    options = parse(["s", "--target", "-0.5", "--patience", "3"])
    assert (options.target, options.patience) == (-0.5, 3)
    assert {"target", "patience"} & set(options.deciding()) == set()
