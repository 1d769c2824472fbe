"""What the folder of a running search says to whoever reads it: tables, and the study as Optuna's own tools see it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from tests.support.search_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, trials=2)
    yield world
    world.close()


def test_row_of_a_running_trial_says_who_trains_it_and_since_when(world: World) -> None:
    spec = world.start()
    world.search.recorder.flush()
    assert read_trials(world.experiment.root).table.to_pylist()[0]["worker"] is None
    before = time.time()
    world.epoch(spec, 1, 0.5)  # Its work began a second ago.
    world.search.recorder.flush()
    row = read_trials(world.experiment.root).table.to_pylist()[0]
    assert (row["state"], row["worker"], row["node"]) == ("running", "node:1", "node")
    assert before <= row["started_at"].timestamp() + 1.0 <= time.time()


def test_study_names_the_search_and_the_worker_and_error_of_each_trial(world: World) -> None:
    for told in (True, False):
        spec = world.start()
        world.epoch(spec, 1, 0.5)
        world.end(spec, TrialState.FAILED, error="no memory")
        if told:
            world.search.recorder.flush()
    world.experiment.append(world.search.recorder._rows, world.search.recorder._epoch_rows)  # and then it was killed
    world.resume()
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(world.experiment.journal)))
    study = optuna.load_study(study_name="e", storage=storage)
    assert study.metric_names == ["value"]
    attributes = [(trial.user_attrs["worker"], trial.user_attrs["error"]) for trial in study.trials]
    assert attributes == [("node:1", "no memory")] * 2
