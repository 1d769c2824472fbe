"""The spans in the row of a trial, by whichever clock: of its epochs, and of all from its first work on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from search.experiment.schema import read_trials
from tests.support.search_world import World


def test_seconds_of_training_are_those_of_its_epochs_where_the_trainable_tells_them(make: Callable[..., World]) -> None:
    world = make()
    spec = world.start()
    trial = world.search.trials.running[spec.trial_id]
    world.epoch(spec, 1, 0.5)
    for seconds in (0.5, 0.25):
        trial.epochs.append({"epoch": len(trial.epochs) + 1.0, "value": 0.5, "seconds": seconds})
    trial.epochs[0]["seconds"] = 1.0
    trial.begun = 1.0  # Long ago: the process was starting.
    world.end(spec)
    world.search.recorder.flush()
    row = read_trials(world.experiment.root).table.to_pylist()[0]
    assert row["train_seconds"] == 1.75


def test_seconds_of_a_trial_are_right_although_the_clock_is_set_back_meanwhile(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(trials=1)
    spec = world.start()
    world.epoch(spec, 1, 0.5)  # Its work began a second ago, and it tells no `seconds`.
    earlier = time.time() - 3600
    monkeypatch.setattr("time.time", lambda: earlier)
    world.end(spec)
    row = world.search.trials.ended[spec.trial_id].row
    assert 1 <= float(str(row["train_seconds"])) < 3000
    assert 0 <= float(str(row["wait_seconds"])) < 3000
