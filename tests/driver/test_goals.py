"""Several objectives and constraints, from the driver's reports to the tables, the study and what is best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search import Experiment
from search.driver.ranking import front
from search.driver.search import snapshot
from search.driver.trial_queue import NoTrial
from search.errors import SearchError
from search.experiment.manifest import write_manifest
from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from search.sampling import Sampling
from search.space import Float
from search.trial.messages import TrialSpec
from search.warm_start import read_known
from tests.support.search_world import World

OBJECTIVES = {"value": "max", "num_parameters": "min"}
SIZES = {
    "00000": (0.9, 900.0),
    "00001": (0.8, 400.0),
    "00002": (0.7, 500.0),
    "00003": (0.5, 100.0),
    "00004": (0.9, 950.0),
}
Make = Callable[..., World]


@pytest.fixture
def several(make: Make) -> Make:
    """Makes a world with two objectives."""
    options = {"metric": None, "mode": None, "objectives": OBJECTIVES, "sampler": "tpe", "stopping": "none"}
    return lambda **changes: make(**{**options, **changes})


def train(world: World, spec: TrialSpec, value: float, **measured: float) -> None:
    for epoch in (1, 2):
        world.epoch(spec, epoch, value * epoch / 2)
    world.end(spec, summary=measured)


def end_all(world: World, results: Mapping[str, tuple[float, float]] = SIZES) -> list[str]:
    """Train every trial to its value and number of parameters, a repeat to a value that is 0.1 less; the ids."""
    trained = []
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        value, size = results[spec.trial_id[:5]]
        train(world, spec, value - 0.1 * ("r" in spec.trial_id), num_parameters=size)
        trained.append(spec.trial_id)
    assert spec is NoTrial.SEARCH_OVER
    world.search.recorder.close()
    return trained


def column(world: World, name: str) -> dict[str, Any]:
    table = read_trials(world.experiment.root).table
    return dict(zip(table["trial_id"].to_pylist(), table[name].to_pylist(), strict=True))


def study(world: World) -> optuna.Study:
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(world.experiment.journal))))


def opened(world: World) -> Experiment:
    space = world.space
    goals = {"objectives": dict(space.objectives), "constraints": dict(space.constraints)}
    write_manifest(world.experiment.root, {"space": {"metric": space.metric, "mode": space.mode, **goals}})
    return Experiment(world.experiment.root)


def test_table_study_and_python_tell_the_same_front(several: Make) -> None:
    world = several()
    end_all(world)
    on = {"00000": True, "00001": True, "00002": False, "00003": True, "00004": False}
    assert column(world, "on_front") == on
    assert front(world.search.trials.ended.values(), world.space.goals) == ["00000", "00001", "00003"]
    assert [t.user_attrs["trial_id"] for t in study(world).best_trials] == [name for name, is_on in on.items() if is_on]
    assert study(world).metric_names == ["value", "num_parameters"]
    found = opened(world)
    assert [one.trial_id for one in found.front] == ["00000", "00001", "00003"]
    assert (found.best.trial_id, found.best.values) == ("00000", {"value": 0.9, "num_parameters": 900.0})


def test_live_view_sees_the_front_as_it_grows(several: Make) -> None:
    world = several()
    assert snapshot(world.search, 1, 0.0).front is None
    sizes = []
    for value, size in SIZES.values():
        spec = world.start()
        train(world, spec, value, num_parameters=size)
        found = snapshot(world.search, 1, 0.0).front
        sizes.append(found.size if found is not None else 0)
    assert sizes == [1, 2, 2, 3, 3]
    assert found is not None
    assert found.best == (("value", 0.9, "00000"), ("num_parameters", 100.0, "00003"))


def test_patience_ends_a_search_when_its_front_stands_still(several: Make) -> None:
    world = several(trials=9)
    world.resume(patience=2)
    results = {**SIZES, "00004": (0.7, 950.0), "00005": (0.6, 700.0), "00006": (1.0, 1.0)}
    assert end_all(world, results)[-1] == "00005", "00003 was better by its size alone, and counts"
    told = "2 configurations have not extended the front of 3 configurations by value and num_parameters"
    assert world.search.queue.found_enough() == told


def test_resumed_search_keeps_its_front_until_a_better_trial_pushes_one_out(several: Make) -> None:
    world = several()
    end_all(world)
    world.resume(trials=6)
    assert end_all(world, {**SIZES, "00005": (0.85, 300.0)}) == ["00005"]
    assert [name for name, is_on in column(world, "on_front").items() if is_on] == ["00000", "00003", "00005"]
    assert len(study(world).trials) == 6


def test_repeats_are_of_the_front_which_is_of_their_means(several: Make) -> None:
    world = several(repeats=2)
    trained = end_all(world, {**SIZES, "00002": (0.78, 390.0)})
    assert trained[5:7] == ["00000r1", "00004r1"], "the first takes 00000 down to 0.85, below the 0.9 of 00004"
    assert sorted(trained[7:]) == ["00001r1", "00002r1", "00003r1"]
    assert [one.value for one in opened(world).front] == pytest.approx([0.85, 0.75, 0.73, 0.45])


def test_models_of_the_front_are_kept_and_no_other(several: Make) -> None:
    world = several()
    world.experiment.models.mkdir(parents=True)
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        assert spec.keep_above is None
        (world.experiment.models / f"{spec.trial_id}.keras").write_text("weights")
        value, size = SIZES[spec.trial_id]
        train(world, spec, value, num_parameters=size)
    world.search.recorder.close()
    assert {path.stem for path in world.experiment.models.iterdir()} == {"00000", "00001", "00003", "best"}


def test_trial_that_was_refused_before_training_is_stored_told_and_never_best(make: Make) -> None:
    world = make(constraints={"num_parameters": "<= 500"}, sampler="tpe", stopping="none", trials=3)
    for size in (900.0, 400.0, 600.0):
        spec = world.start()
        if size == 900:
            world.end(spec, TrialState.PRUNED, summary={"num_parameters": size})
        else:
            train(world, spec, size / 1000, num_parameters=size)
    world.search.recorder.close()
    assert world.states() == {"00000": "pruned", "00001": "complete", "00002": "complete"}
    assert column(world, "violates") == {
        "00000": "num_parameters 900, not <= 500",
        "00001": None,
        "00002": "num_parameters 600, not <= 500",
    }
    assert column(world, "epochs")["00000"] == 0
    best = world.best()
    assert best is not None
    assert best.trial_id == "00001"
    assert opened(world).best.trial_id == "00001"
    told = study(world)
    assert [trial.constraints for trial in told.trials] == [{"num_parameters": x} for x in (0.8, -0.2, 0.2)]
    assert told.best_trial.user_attrs["trial_id"] == "00001"


def test_without_a_trial_that_keeps_the_constraints_there_is_no_best(make: Make) -> None:
    world = make(constraints={"value": ">= 0.95"}, stopping="none", trials=2)
    world.run(lambda spec: 0.9)
    assert world.best() is None
    assert world.search.trials.leading is None
    with pytest.raises(SearchError, match="no complete trial that keeps the constraints"):
        _ = opened(world).best


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "qmc", "gp"])
def test_every_sampler_goes_on_after_trials_of_every_end(several: Make, sampler: str) -> None:
    if sampler == "gp" and find_spec("torch") is None:
        pytest.skip("needs the package torch")
    world = several(constraints={"num_parameters": "<= 800"}, sampler=sampler, trials=30, stopping="asha")
    ends: Iterator[int] = iter(range(100))
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        end = next(ends) % 5
        if end == 0:
            world.end(spec, TrialState.PRUNED, summary={"num_parameters": 900.0})
        elif end == 1:
            world.end(spec, TrialState.FAILED, error="no")
        elif not world.epoch(spec, 1, float(str(spec.config["x"]))):
            world.end(spec, summary={"num_parameters": 100.0 * end})
        if end == 4 and len(world.states()) == 15:
            world.resume()
    world.search.recorder.close()
    assert len(world.states()) == 30
    assert world.study()["RUNNING"] == 0
    assert front(world.search.trials.ended.values(), world.space.goals)


def test_tpe_learns_where_a_constraint_is_violated(make: Make) -> None:
    """What is not trained has no value; all that is known of it is that x is too large."""
    plane = {"x": Float(0, 1), "y": Float(0, 1)}
    world = make(constraints={"size": "<= 0.3"}, sampler="tpe", stopping="none", trials=60, parameters=plane)
    kept = 0
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        x = float(str(spec.config["x"]))
        if x > 0.3:
            world.end(spec, TrialState.PRUNED, summary={"size": x})
        else:
            train(world, spec, float(str(spec.config["y"])), size=x)
            kept += spec.trial_id >= "00020"
    assert kept > 19, "of 40, where 12 are to be expected by chance"


def test_search_learns_from_the_values_of_an_earlier_front(several: Make) -> None:
    world = several(constraints={"num_parameters": "<= 800"})
    end_all(world)
    opened(world)  # The manifest names what was searched.
    known = read_known([str(world.experiment.root)], world.space)
    assert [trial.value for trial in known.trials] == list(SIZES.values())
    assert [trial.excess["num_parameters"] > 0 for trial in known.trials] == [True, False, False, False, True]
    sampling = Sampling(world.space, None, sampler="tpe", seed=0)
    sampling.know(known.trials)
    assert sampling.ask() is not None
