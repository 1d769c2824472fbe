"""What a search starts from: configurations that the space names, and trials of earlier searches."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.provenance import make_manifest
from search.planning.resuming import resumed_options
from search.sampling import Sampling
from search.space import SAMPLERS, Choice, Config, Float, Int, Space
from search.warm_start import read_known
from tests.support.search_world import World
from trainables.branin import train

SPACE = Space(
    train,
    {"x": Float(0, 1), "n": Int(1, 8, step=1), "kind": Choice("a", 2, None), "depth": Int(1, 3, when={"kind": "a"})},
    fixed={"epochs": 3},
    metric="value",
    mode="max",
    trials=12,
)
START: list[Config] = [{"x": 0.25, "n": 3, "kind": 2}, {"kind": "a", "depth": 3}]


def drawn(space: Space, sampler: str, count: int = 4) -> list[Config]:
    sampling = Sampling(space, None, sampler=sampler, seed=1)
    proposals = [sampling.ask() for _ in range(count)]
    return [proposal.config for proposal in proposals if proposal is not None]


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("gp", "grid")])
def test_start_is_tried_first_and_completed_by_the_sampler(sampler: str) -> None:
    first, second, third, _ = drawn(dataclasses.replace(SPACE, start=START), sampler)
    assert first == START[0]
    assert {name: second[name] for name in START[1]} == START[1]
    assert set(second) == {"x", "n", "kind", "depth"}
    assert third not in (first, second)


def test_grid_begins_with_the_start_and_has_every_configuration_once() -> None:
    space = Space(train, {"a": Choice(1, 2, 3), "b": Choice("x", "y")}, start=[{"a": 3}, {"a": 2, "b": "y"}])
    configs = drawn(space, "grid", 7)
    assert [config["a"] for config in configs[:3]].count(3) == 2
    assert {"a": 2, "b": "y"} in configs[:3]
    assert len({(config["a"], config["b"]) for config in configs}) == len(configs) == 6


def test_start_is_not_tried_again_after_a_resume(tmp_path: Path) -> None:
    world = World(tmp_path, start=[{"x": 0.5}, {"kind": 1, "x": 0.25}], trials=6)
    first = world.start()
    assert first.config["x"] == 0.5
    world.end(first)
    world.search.recorder.flush()
    world.resume()
    assert [world.start().config["x"] for _ in range(3)].count(0.5) == 0
    world.close()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ([{"y": 1}], r"names 'y'. Expected one of|names 'y'. Did you mean"),
        ([{"x": 2.0}], "has x=2.0; expected one of 0 to 1"),
        ([{"n": 2.5}], "has n=2.5; expected one of 1 to 8"),
        ([{"kind": "b"}], "has kind='b'; expected one of a, 2, None"),
        ([{"kind": 2, "depth": 1}], "names 'depth', which is not active there"),
        ([3], "start holds 3; expected configurations"),
    ],
)
def test_start_outside_of_the_space_is_refused_when_the_space_is_made(start: Any, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        dataclasses.replace(SPACE, start=start)


def test_pinned_setting_leaves_the_start_too() -> None:
    space = dataclasses.replace(SPACE, start=START).pin("kind", 2)
    assert [dict(one) for one in space.start] == [{"x": 0.25, "n": 3}]


# What earlier searches know


def experiment(folder: Path) -> str:
    world = World(folder, parameters=dict(SPACE.parameters), fixed=dict(SPACE.fixed), trials=10)
    world.run(lambda spec: float(str(spec.config["x"])))
    world.experiment.update_manifest({"name": "e", "space": {"fixed": dict(SPACE.fixed)}})
    world.close()
    return str(world.plan.root)


def study(storage: Any) -> None:
    made = optuna.create_study(storage=storage, study_name="earlier", direction="maximize")

    def value(trial: optuna.Trial) -> float:
        trial.suggest_categorical("kind", [2])
        trial.suggest_int("n", 1, 16)
        trial.report(0.5, 1)
        return trial.suggest_float("x", 0, 1)

    made.optimize(value, n_trials=10)


def journal(folder: Path) -> str:
    study(JournalStorage(JournalFileBackend(str(folder / "study.log"))))
    return str(folder / "study.log")


def sqlite(folder: Path) -> str:
    study(RDBStorage(f"sqlite:///{folder}/study.db"))
    return f"{folder}/study.db#earlier"


KERAS_TUNER = """
import os, sys
import keras_tuner
from keras_tuner.engine.trial import Trial

for number in range(10):
    hp = keras_tuner.HyperParameters()
    hp.values = {"x": number / 10, "n": number + 1, "kind": 2, "tuner/epochs": 2}
    trial = Trial(hp, trial_id=f"{number:02d}", status="COMPLETED")
    trial.metrics.register("value", "max")
    trial.metrics.update("value", number / 10, step=1)
    os.makedirs(f"{sys.argv[1]}/trial_{number:02d}")
    trial.save(f"{sys.argv[1]}/trial_{number:02d}/trial.json")
"""


def keras_tuner(folder: Path) -> str:
    """A project whose trials KerasTuner itself has written, in a process apart: it loads TensorFlow."""
    (folder / "oracle.json").write_text("{}")
    subprocess.run([sys.executable, "-c", KERAS_TUNER, str(folder)], check=True, capture_output=True)
    return str(folder)


@pytest.mark.parametrize("source", [experiment, journal, sqlite, keras_tuner])
def test_sampler_learns_from_what_lies_within_the_space(source: Callable[[Path], str], tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address = source(tmp_path)
    known = read_known([address], SPACE)
    assert len(known.trials) + known.outside == 10
    assert (known.outside > 0) == (source is not experiment)
    best = max(known.trials, key=lambda trial: trial.value or 0.0)
    assert best.value == pytest.approx(best.config["x"])
    assert all(type(trial.config["n"]) is int for trial in known.trials)
    sampling = Sampling(SPACE, None, sampler="tpe", seed=0)
    sampling.know(known.trials)
    assert sampling.counts() == {}
    proposal = sampling.ask()
    assert proposal is not None
    assert proposal.number == 0


def test_fixed_setting_of_then_is_a_value_of_a_parameter_of_now(tmp_path: Path) -> None:
    address = experiment(tmp_path)
    parameters = {**SPACE.parameters, "epochs": Int(1, 5)}
    known = read_known([address], dataclasses.replace(SPACE, parameters=parameters, fixed={}))
    assert {trial.config["epochs"] for trial in known.trials} == {3}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere.db", "cannot be read: FileNotFoundError"),
        ("{folder}", "is neither an experiment"),
        ("{study}#other", "no such study. Expected .*#NAME, with one of: earlier"),
        ("{experiment}", "has no metric 'val_loss'; expected a search that measured it"),
    ],
)
def test_place_that_knows_nothing_is_refused_in_a_line(place: str, words: str, tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address = place.format(folder=tmp_path, study=journal(tmp_path), experiment=experiment(tmp_path))
    space = SPACE if "study" in place else dataclasses.replace(SPACE, metric="val_loss", mode="min")
    with pytest.raises(SearchError, match=words):
        read_known([address], space)


def test_warm_start_of_a_plan_is_told_kept_and_refused_when_it_changes(tmp_path: Path) -> None:
    address, told = experiment(tmp_path / "before"), list[str]()
    words = ["spaces/branin.py", "--warm-start", address, "--results", str(tmp_path)]
    plan = make_plan(parse(words), (), told.append)
    assert plan.options.deciding()["warm_start"] == [address]
    assert told == ["NOTE: the sampler learns from 0 earlier trials; 10 others are outside of the space."]
    manifest = make_manifest(plan)
    assert resumed_options(parse(["s", "--resume"]), manifest).warm_start == (address,)
    with pytest.raises(SearchError, match="--warm-start other differs from the experiment's --warm-start /"):
        resumed_options(parse(["s", "--resume", "--warm-start", "other"]), manifest)


@pytest.mark.parametrize("words", [["--sampler", "random"], ["--sampler", "qmc"], ["--smoke"]])
def test_warm_start_of_a_sampler_that_learns_from_nothing_is_told(words: list[str], tmp_path: Path) -> None:
    address, told = experiment(tmp_path / "before"), list[str]()
    words = ["spaces/branin.py", "--warm-start", address, "--results", str(tmp_path), *words]
    sampler = make_plan(parse(words), (), told.append).space.sampler
    said = f"NOTE: sampler {sampler} learns from no trial, so that --warm-start (0 earlier trials) has no effect;"
    assert told[0].startswith(said)
