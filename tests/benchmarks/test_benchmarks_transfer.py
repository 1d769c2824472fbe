"""The benchmark of frozen backbones scales and compares as it says, and times the same configurations for all."""

import math

import pytest

from benchmarks.spaces.frozen_backbone import space
from benchmarks.transfer import BATCH, EPOCHS, configurations, in_all, table


def test_every_contestant_trains_what_the_space_says() -> None:
    assert (space.fixed["epochs"], space.fixed["batch_size"]) == (EPOCHS, BATCH)
    configs = list(configurations(20))
    assert configs == list(configurations(20))
    assert len({config["learning_rate"] for config in configs}) == 20
    assert all(set(config) == set(space.parameters) for config in configs)


@pytest.mark.parametrize(
    ("trials", "seconds"), [(1, 10.0), (3, 21.0), (4, 24.0), (10, 24.0 + 6 * 3)], ids=["one", "few", "all", "more"]
)
def test_trials_that_are_not_timed_take_the_median_of_those_that_are(trials: int, seconds: float) -> None:
    assert in_all([10.0, 2.0, 9.0, 3.0], trials) == seconds
    assert in_all([10.0], trials) == trials * 10


def test_table_compares_with_the_usual_way() -> None:
    fit = [[100.0, 1000.0, 2000.0], [120.0, 1200.0, 2400.0]]
    text = table({"fit": fit, "ours": [[11.0, 16.5, 22.0]], "command": [[math.nan, 22.0, 44.0]]}, [10, 20])
    head, _, first, *rest = text.splitlines()
    assert head == "| | one trial, s | times faster | 10 trials, s | times faster | 20 trials, s | times faster |"
    assert [line.split("|")[2:8] for line in rest] == [
        [" 11.0 ", " 10.0 ", " 16.5 ", " 66.7 ", " 22.0 ", " 100.0 "],
        ["  ", "  ", " 22.0 ", " 50.0 ", " 44.0 ", " 50.0 "],
    ]
    assert pytest.approx(110.0) == float(first.split("|")[2])
