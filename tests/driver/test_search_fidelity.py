"""A search whose early rungs have a part of the images: what is compared, what a resume takes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.driver.ranking import count_on_a_part
from search.driver.search import snapshot
from search.driver.trial_queue import NoTrial
from search.experiment.schema import read_epochs, read_trials
from search.experiment.states import TrialState
from search.trial.messages import Report, TrialEnd, TrialSpec, WorkerId
from tests.support.search_world import World
from trainables.trial import ALL_AT_ONCE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Rungs at the epochs 1 and 3 of 9, on 1/9 and 1/3 of 90 images."""
    world = World(tmp_path, stopping="asha", stopping_options={"fidelity": "both"}, trials=20)
    yield world
    world.close()


def play(world: World, values: list[float], spec: TrialSpec | None = None) -> TrialSpec:
    """One trial, to its end or until it is stopped."""
    spec = spec or world.start()
    for epoch, value in enumerate(values, 1):
        images = round(90 * spec.growth.share(epoch))
        metrics = {"epoch": float(epoch), "value": value, "train_images": float(images)}
        waits = epoch in (world.search.rule.rungs() or ()) and spec.decides
        if world.search.recorder.take(Report(spec.trial_id, [metrics], 1.0, WorkerId("node", 1), "node", waits=waits)):
            return spec
    world.search.recorder.take(
        Report(spec.trial_id, end=TrialEnd(TrialState.COMPLETE, {"sample_size": 90.0, "test_value": 0.5}))
    )
    return spec


def rows(world: World) -> dict[str, dict[str, object]]:
    world.search.recorder.flush()
    return {row["trial_id"]: row for row in read_trials(world.experiment.root).table.to_pylist()}


def test_best_epoch_of_a_complete_trial_is_one_on_all_images(world: World) -> None:
    spec = play(world, [0.9, 0.95, 0.99, 0.1, 0.4, 0.3, 0.2, 0.2, 0.2])
    row = rows(world)[spec.trial_id]
    assert (row["best_epoch"], row["value"], row["epochs"]) == (5, 0.4, 9)
    assert (row["sample_size"], row["training_share"]) == (90, 1.0)
    epochs = read_epochs(world.experiment.root).table
    assert epochs["train_images"].to_pylist() == [10, 30, 30, 90, 90, 90, 90, 90, 90]


def test_trial_stopped_on_a_part_says_so_and_stands_in_no_comparison(world: World) -> None:
    for _ in range(3):
        play(world, [0.5] * 9)
    stopped = play(world, [0.4])
    row = rows(world)[stopped.trial_id]
    assert (row["state"], row["sample_size"]) == ("pruned", 10)
    assert row["training_share"] == pytest.approx(1 / 9)
    assert stopped.trial_id not in {ended.trial_id for ended in world.ranked()}
    assert count_on_a_part(world.search.trials.ended.values()) == 1


def test_value_on_a_part_is_never_the_best_so_far(world: World) -> None:
    for value in (0.99, 0.98, 0.97):
        play(world, [value, value, value, *[0.5] * 6])
    stopped = play(world, [0.9])
    assert rows(world)[stopped.trial_id]["state"] == "pruned"
    best = snapshot(world.search, 1, 0.0).best
    assert best is not None
    assert best.value == 0.5
    assert world.best() is not None


def test_resume_rebuilds_the_rule_and_leaves_out_the_same_trials(world: World) -> None:
    for value in (0.5, 0.6, 0.7):
        play(world, [value] * 9)
    play(world, [0.1])
    world.search.recorder.flush()
    before = [ended.trial_id for ended in world.ranked()]
    world.resume()
    assert [ended.trial_id for ended in world.ranked()] == before
    assert (count_on_a_part(world.search.trials.ended.values()), world.search.trials.leading is not None) == (1, True)
    again = play(world, [0.55])
    assert rows(world)[again.trial_id]["state"] == "pruned"


@pytest.mark.parametrize("fidelity", ["both", "sample_size"])
def test_repeat_is_the_training_of_the_first_run_without_what_only_decided_on_it(tmp_path: Path, fidelity: str) -> None:
    options = {"fidelity": fidelity}
    world = World(tmp_path, stopping="asha", stopping_options=options, trials=1, repeats=2)
    first = world.start()
    assert (len(first.growth.steps), first.growth.anew) == (2, fidelity == "sample_size")
    assert snapshot(world.search, 1, 0.0).max_epochs == first.growth.length(9)
    play(world, [0.5] * first.growth.length(9), first)
    repeat = world.start()
    assert repeat.growth == (first.growth if fidelity == "both" else ALL_AT_ONCE)
    play(world, [0.5] * 9, repeat)
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    assert {row["value"] for row in rows(world).values()} == {0.5}
    world.close()
