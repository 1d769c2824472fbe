"""KerasTuner's HyperModels as spaces."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.errors import SearchError
from search.sampling import Sampling
from search.space import Config, Space
from search.space.hypermodel import declare
from search.space.parameters import Choice, Float, Int
from trainables.hypermodel import build_with
from trainables.image_classifier import train_with
from trainables.trial import Trial


def train(config: Config, trial: object) -> Iterator[dict[str, float]]:
    yield {"value": 0.0}


class Network:
    """A HyperModel but for the network: what it asks for is what counts."""

    def build(self, hp: Any) -> None:
        kind = hp.Choice("kind", ["dense", "conv"])
        with hp.conditional_scope("kind", ["conv"]):
            if kind == "conv":
                hp.Int("filters", 8, 64, step=2, sampling="log")
                if hp.Boolean("deep"):
                    with hp.conditional_scope("deep", [True]):
                        hp.Int("blocks", 1, 4)
        for other in ("dense", "conv"):
            with hp.conditional_scope("kind", [other]):
                hp.Float("dropout", 0.0, 0.5, step=0.25)
        hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        hp.Fixed("units", 10)


def space(hypermodel: object, **others: Any) -> Space:
    return Space(trainable=train, parameters=hypermodel, metric="value", trials=5, **others)


def test_hypermodel_becomes_parameters_with_its_conditions() -> None:
    declared = declare(space(Network()))
    assert dict(declared.parameters) == {
        "kind": Choice("dense", "conv"),
        "dropout": Float(0.0, 0.5, step=0.25, when={"kind": ("dense", "conv")}),
        "learning_rate": Float(1e-4, 1e-2, log=True),
        "filters": Choice(8, 16, 32, 64, when={"kind": "conv"}),
        "deep": Choice(False, True, when={"kind": "conv"}),
        "blocks": Int(1, 4, when={"kind": "conv", "deep": True}),
    }
    assert declared.fixed == {"units": 10}


def test_what_is_sampled_is_what_the_hypermodel_is_built_with() -> None:
    import keras_tuner

    sampling = Sampling(declare(space(Network())), None, sampler="random", seed=0)
    for _ in range(20):
        proposal = sampling.ask()
        assert proposal
        hp = keras_tuner.HyperParameters()
        hp.values = dict(proposal.config)
        Network().build(hp)
        assert {name: value for name, value in hp.values.items() if name != "units"} == proposal.config


def test_pinned_and_fixed_settings_are_not_searched() -> None:
    declared = declare(space(Network(), fixed={"kind": "dense"}))
    assert set(declared.parameters) == {"dropout", "learning_rate"}


def test_other_spaces_are_left_as_they_are() -> None:
    declared, defined = space({"a": Int(0, 1)}), space(lambda trial: {})
    assert declare(declared) is declared
    assert declare(defined) is defined


def endless(hp: Any) -> None:
    depth = 0
    while hp.Choice(f"deeper_than_{depth}", [False, True]):
        depth += 1


def ambiguous(hp: Any) -> None:
    hp.Choice("kind", [1, 2])
    for kind in (1, 2):
        with hp.conditional_scope("kind", [kind]):
            hp.Int("depth", 0, 3 * kind)


def reversed_log(hp: Any) -> None:
    hp.Float("rate", 0.1, 1.0, sampling="reverse_log")


def broken(hp: Any) -> None:
    if hp.Choice("kind", ["dense", "conv"]) == "conv":
        raise ValueError("no room")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (endless, "after 100 builds"),
        (ambiguous, "'depth' for two different ranges"),
        (broken, "fails with {'kind': 'conv'}: ValueError: no room"),
        (reversed_log, "'rate' is sampled by 'reverse_log'"),
    ],
)
def test_hypermodel_without_a_counterpart_is_refused(build: Any, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        declare(space(type("Odd", (), {"build": staticmethod(build)})()))


class Dense:
    """A HyperModel of one hidden layer."""

    def build(self, hp: Any) -> Any:
        import keras

        inputs = keras.Input((8, 8, 1))
        hidden = keras.layers.Dense(hp.Int("units", 4, 64), "relu")(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(10, "softmax")(hidden))


@pytest.mark.slow
def test_trial_trains_what_the_hypermodel_builds_from_its_configuration(tmp_path: Path) -> None:
    trial = Trial(cache_dir=tmp_path)
    config = {"dataset": "digits", "sample_size": 200, "epochs": 2, "units": 7}
    *epochs, last = train_with(build_with(Dense()))(config, trial)
    assert [metrics["epoch"] for metrics in epochs] == [1, 2]
    assert last["num_parameters"] == 64 * 7 + 7 + 7 * 10 + 10


def test_spaces_without_a_hypermodel_import_neither_keras_nor_its_tuner() -> None:
    code = "import sys, search.space.hypermodel; assert not {'keras', 'tensorflow', 'keras_tuner'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
