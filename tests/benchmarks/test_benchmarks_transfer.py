"""The benchmark of frozen backbones scales and compares as it says, and times the same configurations for all."""

import pytest

from benchmarks.spaces.frozen_backbone import space
from benchmarks.transfer import BATCH, EPOCHS, TRIALS, configurations, scaled, table


def test_every_contestant_trains_what_the_space_says() -> None:
    assert (space.fixed["epochs"], space.fixed["batch_size"], space.trials) == (EPOCHS, BATCH, TRIALS)
    configs = list(configurations(TRIALS))
    assert configs == list(configurations(TRIALS))
    assert len({config["learning_rate"] for config in configs}) == TRIALS
    assert all(set(config) == set(space.parameters) for config in configs)


def test_trials_that_are_not_timed_take_the_median_of_those_that_are() -> None:
    assert scaled([10.0, 2.0, 9.0, 3.0]) == 10 + (TRIALS - 1) * 3
    assert scaled([10.0]) == TRIALS * 10


def test_table_compares_with_the_usual_way() -> None:
    text = table({"fit": [(100.0, 2000.0), (120.0, 2400.0)], "ours": [(11.0, 22.0)]}, [44.0])
    assert [line.split("|")[2:6] for line in text.splitlines()[3:]] == [
        [" 11.0 ", " 10.0 ", " 22.0 ", " 100.0 "],
        [" ", " ", " 44.0 ", " 50.0 "],
    ]
    assert pytest.approx(110.0) == float(text.splitlines()[2].split("|")[2])
