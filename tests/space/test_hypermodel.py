"""KerasTuner's HyperModels as spaces: each hyperparameter under its conditions, as KerasTuner's oracle finds it."""

import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import keras
import pytest

from search.errors import SearchError
from search.sampling import Sampling
from search.space import Space, server
from search.space.building.exploration import Found, Undeclarable, explore
from search.space.building.hypermodel import build_once, is_build, leave_weights_out, propose
from search.space.building.space_process import Building, SpaceProcess
from search.space.parameters import Choice, Float, Int, Parameter
from tests.support.hypermodel_examples import Layers, Network, layer_of_two, nested, oracle_finds, threshold
from trainables.engines.runtime import configure
from trainables.hypermodel import train_hypermodel
from trainables.trial import DatasetInfo

configure(cpus=1)  # Models are built in this process, which other tests share.


def train(config: dict[str, object], trial: object) -> Iterator[dict[str, float]]:
    yield {"value": 0.0}


def found(hypermodel: Any) -> Found:
    return explore(lambda values: build_once(hypermodel, values))


def test_hypermodel_becomes_parameters_with_its_conditions() -> None:
    shown = found(Network())
    assert shown.parameters == {
        "kind": Choice("dense", "conv"),
        "dropout": Float(0.0, 0.5, step=0.25),
        "learning_rate": Float(1e-4, 1e-2, log=True),
        "warmth": Float(0.1, 1.0, log="reverse"),
        "filters": Choice(8, 16, 32, 64, when={"kind": "conv"}),
        "deep": Choice(False, True, when={"kind": "conv"}),
        "blocks": Int(1, 4, when={"kind": "conv", "deep": True}),
    }
    assert shown.constants == {"units": 10, "only": "one"}


def test_layers_behind_an_int_are_found_with_the_values_at_which_they_are_there() -> None:
    width = Int(8, 64, step=8)
    parameters = found(Layers()).parameters
    assert parameters == {
        "levels": Int(1, 3),
        "width_0": width,
        "width_1": Int(8, 64, step=8, when={"levels": (2, 3)}),
        "width_2": Int(8, 64, step=8, when={"levels": 3}),
    }
    assert Space(train, parameters, metric="value").size() == 8 + 8**2 + 8**3


def test_loops_in_loops_depend_on_the_counts_of_both() -> None:
    when = {name: dict(parameter.when) for name, parameter in found(nested).parameters.items()}
    assert when == {
        "blocks": {},
        "convs_0": {},
        "size_0_0": {},
        "convs_1": {"blocks": (2,)},
        "size_1_0": {"blocks": (2,)},
        "size_0_1": {"convs_0": (2,)},
        "size_1_1": {"blocks": (2,), "convs_1": (2,)},
    }


def test_boundary_within_a_long_range_is_found_to_the_value() -> None:
    extra = found(threshold).parameters["extra"]
    assert extra.when["units"] == tuple(range(322, 1001))


def test_what_shows_only_where_two_conditions_meet_is_found() -> None:
    assert found(layer_of_two).parameters["both"] == Int(1, 2, when={"a": "y", "b": "y"})


def test_choice_of_many_options_is_a_choice_of_them_all() -> None:
    assert found(lambda hp: hp.Choice("seed", list(range(130)))).parameters == {"seed": Choice(*range(130))}


def endless(hp: Any) -> None:
    depth = 0
    while hp.Choice(f"deeper_than_{depth}", [False, True]):
        depth += 1


def ambiguous(hp: Any) -> None:
    for kind in (1, 2):
        hp.Choice("kind", [1, 2])
        hp.Choice("depth", [kind, 3 * kind], parent_name="kind", parent_values=[kind])


def behind_a_float(hp: Any) -> None:
    if hp.Float("rate", 0.0, 0.5) > 0.25:
        hp.Int("patience", 1, 9)


@pytest.mark.parametrize("build", [endless, ambiguous, behind_a_float])
def test_what_no_table_can_show_is_told_by_a_build_for_each_trial(build: Callable[[Any], None]) -> None:
    with pytest.raises(Undeclarable):
        found(build)
    chosen: dict[str, Parameter] = {}

    def last(name: str, parameter: Parameter) -> object:
        chosen[name] = parameter
        return parameter.bounds()[-1] if len(chosen) < 5 else parameter.bounds()[0]

    config = propose(build, last)
    assert config.keys() == chosen.keys()
    assert len(config) == {"endless": 5}.get(build.__name__, 2)


def test_failing_build_is_told_where_it_fails_and_refused_where_its_defaults_do() -> None:
    def at_conv(hp: Any) -> None:
        if hp.Choice("kind", ["dense", "conv"]) == "conv":
            raise ValueError("no room")

    assert found(at_conv).failures == ["kind='conv': ValueError: no room"]

    def too_deep(hp: Any) -> None:
        import keras

        layers = [keras.layers.MaxPooling2D()] * hp.Int("poolings", 1, 2)
        keras.Sequential([keras.Input((2, 2, 1)), *(type(layer)() for layer in layers)])

    (failure,) = found(too_deep).failures
    assert failure.startswith("poolings=2: ValueError: ")
    assert failure.endswith("padding=valid`.")  # Without Keras' colours and its list of arguments.
    with pytest.raises(ValueError, match=r"AttributeError: .* has no attribute 'Integer'"):
        found(lambda hp: hp.Integer("a", 1, 2))


def test_functions_of_a_build_and_of_a_trial_are_told_apart_by_what_they_ask_for() -> None:
    def late(hp: Any) -> object:
        return None if hp.Choice("a", [1, 2]) else hp

    assert is_build(late)
    assert is_build(Network())
    assert not is_build(lambda trial: {"a": trial.suggest_int("a", 1, 2)})
    assert not is_build(lambda trial: {"a": trial.number})
    assert not is_build(lambda trial: sys.exit("no data"))
    assert not is_build(lambda trial: {})


@pytest.mark.parametrize("hypermodel", [Layers(), nested, layer_of_two])
def test_search_has_the_parameters_that_the_oracle_of_kerastuner_finds(hypermodel: Any, tmp_path: Path) -> None:
    shown = found(hypermodel)
    assert shown.parameters.keys() | shown.constants.keys() == oracle_finds(hypermodel, tmp_path)


def test_what_is_sampled_is_what_the_hypermodel_is_built_with() -> None:
    shown = found(Network())
    space = Space(trainable=train, parameters=shown.parameters, metric="value", trials=5)
    sampling = Sampling(space, None, sampler="random", seed=0)
    for _ in range(10):
        proposal = sampling.ask()
        assert proposal
        built = build_once(Network(), proposal.config)
        assert {n: v for n, v in built.values.items() if n not in shown.constants} == proposal.config


def test_tuner_is_refused_with_the_trainable_to_write() -> None:
    class Tuner:
        def run_trial(self) -> None: ...

    with pytest.raises(SearchError, match=r"a generator `train\(config, trial\)` that yields metrics"):
        Space(parameters=Tuner())


def test_builds_that_take_long_are_told_while_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TOLD_EVERY_S", 0.0)
    space, told = Space(trainable=print, parameters=Network(), metric="value", trials=3), list[Building]()
    described = server._explored(space, server._described(space, True), told.append)
    assert described.parameters is not None
    assert [one.builds for one in told] == list(range(1, len(told) + 1))
    assert told[-1].found >= len(described.parameters)
    ours, theirs = Pipe()
    process, said = SpaceProcess.__new__(SpaceProcess), list[str]()
    process._link = ours
    for answer in (Building(1, 2, 20.4), Building(30, 5, 75), described):
        theirs.send(answer)
    assert process.described(said.append) == described
    assert said == [
        "NOTE: the HyperModel is built to find its hyperparameters: 1 build so far, 2 found, in 20 s.",
        "NOTE: the HyperModel is built to find its hyperparameters: 30 builds so far, 5 found, in 1 min 15 s.",
    ]


def normalized(hp: Any) -> Any:
    momentum = hp.Choice("momentum", [0.9, 0.99])
    inner = keras.Sequential([keras.Input((8,)), keras.layers.BatchNormalization(momentum=momentum - 0.1)])
    return keras.Sequential(
        [inner, keras.layers.BatchNormalization(momentum=momentum, trainable=hp.Boolean("trained"))]
    )


def pretrained(hp: Any) -> Any:
    base = keras.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights="imagenet")
    outputs = keras.layers.BatchNormalization(momentum=hp.Float("momentum", 0.5, 0.9))(base.output)
    return keras.Model(base.input, outputs)


def test_a_build_shows_the_slowest_normalization_that_begins_at_its_initial_statistics() -> None:
    assert build_once(normalized, {"trained": True}).momentum == pytest.approx(0.9)
    assert build_once(normalized, {"trained": True, "momentum": 0.99}).momentum == pytest.approx(0.99)
    assert build_once(normalized, {"trained": False}).momentum == pytest.approx(0.8)
    assert build_once(Layers(), {}).momentum is None


def test_normalization_that_is_pretrained_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.Model, "load_weights", keras.Model.load_weights)
    data_utils = sys.modules[keras.utils.get_file.__module__]
    monkeypatch.setattr(data_utils, "get_file", keras.utils.get_file)
    leave_weights_out()
    assert build_once(pretrained, {}).momentum == 0.5


def test_a_search_of_a_hypermodel_has_remarks_on_its_slowest_normalization() -> None:
    digits = DatasetInfo("digits", "", "", 1078, 359, 360, 10, (8, 8, 1))
    space = Space(train_hypermodel(normalized), normalized, dataset="digits", metric="val_accuracy")
    described = server._explored(space, server._described(space, True), print)
    (line,) = described.declaration.remarks({"batch_size": [128]}, digits, 1)
    assert "with BatchNormalization's momentum 0.99 and 9 steps an epoch, 91%" in line
    plain = Space(train, normalized, metric="value")
    assert server._explored(plain, server._described(plain, True), print).declaration.remarks({}, digits, 1) == ()
