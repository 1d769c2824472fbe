"""Settings that nobody reads are told, with the name that was meant."""

import copy
import json
from pathlib import Path

import pytest

from search.experiment.states import TrialState
from search.space import Choice, Float
from search.trial.reads import Alike, Config
from tests.support.search_world import World


def test_setting_that_no_complete_trial_reads_is_told_once_with_the_names_that_were_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path, parameters={"learningrate": Float(0, 1), "units": Choice(*range(9))}, fixed={"epochs": 9})
    for number in range(5):
        spec = world.start()
        world.epoch(spec, 1, 1.0)
        unread = ("learningrate", "units") if number < 4 else ("learningrate",)
        world.end(spec, unread=unread, missed=("learning_rate",))
        told = [line for line in world.search.recorder.events if "learningrate" in line]
        assert len(told) == (number >= 2)
    line = "setting 'learningrate' has no effect: none of the 5 trials read it. They read 'learning_rate'."
    assert world.search.recorder.unread.lines() == [line]
    world.close()


def test_hyperparameter_that_no_build_showed_before_is_told_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(2):
        spec = world.start()
        world.epoch(spec, 1, 1.0)
        world.end(spec, unread=(), added=("rare",))
    assert [line for line in world.search.recorder.events if "asks for 'rare'" in line] == [
        "the model asks for 'rare', which no build before the search did: its default is kept"
    ]
    world.close()


def test_trials_that_differ_in_a_setting_only_and_train_the_same_are_told_once() -> None:
    alike = Alike()
    same = [{"epoch": 1, "loss": 0.51, "val_loss": 0.62, "seconds": 1.0}, {"epoch": 2, "loss": 0.41, "val_loss": 0.55}]
    other = [{**one, "loss": one["loss"] + 1e-9, "seconds": 3.0} for one in same]
    assert alike.take("00000", {"units": 8, "name": "a"}, same) == []
    assert alike.take("00001", {"units": 9, "name": "a"}, other) == []
    line = "trials 00000 and 00002 differ in name only, and trained the same to the last digit: it has no effect there."
    assert alike.take("00002", {"units": 8, "name": "b"}, same) == [line]
    assert alike.take("00003", {"units": 8, "name": "c"}, same) == []
    assert alike.lines() == [line]


def test_scores_that_may_be_equal_by_chance_say_nothing() -> None:
    alike = Alike()
    for number in range(3):
        assert alike.take(str(number), {"a": number}, [{"epoch": 1, "val_accuracy": 0.95, "images": 12}]) == []


def test_failed_trial_says_nothing_of_what_it_would_have_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.end(world.start(), TrialState.FAILED, error="no room")
    assert world.search.recorder.unread.lines() == []
    world.close()


@pytest.mark.parametrize(
    "whole", [dict, list, lambda c: {**c}, json.dumps, lambda c: [*c.items()], lambda c: dict(c=1, **c)]
)
def test_configuration_that_is_gone_through_is_read_whole(whole: object) -> None:
    config = Config({"a": 1, "b": 2})
    assert callable(whole)
    whole(config)
    assert config.read == {"a", "b"}


def test_setting_that_is_asked_for_with_a_default_is_read() -> None:
    config = Config({"a": 1})
    assert config.setdefault("a", 2) == 1
    assert config.setdefault("b", 3) == 3
    assert (config.read, config.missed) == ({"a"}, {"b"})
    assert config == {"a": 1, "b": 3}


def test_configuration_notes_what_is_read_and_what_is_missed_also_in_its_copies() -> None:
    config = Config({"a": 1, "b": 2, "c": 3})
    assert config["a"] == 1
    assert copy.copy(config)["b"] == 2
    assert config.get("d", 4) == 4
    assert "c" in config
    assert (config.read, config.missed) == ({"a", "b"}, {"d"})
    copy.copy(config)["e"] = 5
    assert config.added == {"e"}
    assert config == {"a": 1, "b": 2, "c": 3}
