"""Which models stay in the experiment folder, also across a resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.driver.trial_queue import NoTrial
from search.trial.messages import TrialSpec
from tests.support.search_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, repeats=2, repeat="all", stopping="none")
    world.experiment.models.mkdir(parents=True, exist_ok=True)
    yield world
    world.close()


def train(world: World, spec: TrialSpec, value: float) -> None:
    """End the trial, which keeps its model where its value is worth it, as a training process does."""
    model = world.experiment.models / f"{spec.trial_id}.keras"
    if spec.keep_above is None or value > spec.keep_above:
        model.write_text("weights")
    world.epoch(spec, 1, value)
    world.end(spec)


def kept(world: World) -> set[str]:
    return {path.stem for path in world.experiment.models.glob("*.keras")}


def test_repeats_push_no_model_out(world: World) -> None:
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        train(world, spec, spec.seed + spec.config["x"])  # type: ignore[operator]  # x is a number
    assert kept(world) == {"00000", "00001", "00002", "00003"}, "the four best of five"
    world.search.recorder.close()
    assert world.search.recorder.best_model == "models/best.keras"


def test_a_resume_counts_no_repeat_among_the_kept_models(world: World) -> None:
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        train(world, spec, spec.seed + spec.config["x"])  # type: ignore[operator]  # x is a number
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    first_runs = kept(world)
    world.search.recorder.close()
    world.resume()
    world.search.recorder.close()
    assert kept(world) - {"best"} == first_runs
