"""The model that is saved is the one that was measured, and another process can load it."""

import importlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.from_python import Experiment
from search.space import Float, Space
from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.finished.classifier import open_classifier
from trainables.image_classifier import load_model, train_on, train_with
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.own_models import saved_models  # noqa: E402
from trainables.own_models.choice import own_engine  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402


def saved(build: Callable[..., Any], path: Path, **config: Any) -> list[Metrics]:
    trial, config = Trial(seed=1), {"epochs": 1, "dataset": "digits", "sample_size": 200, **config}
    with own_engine(build, config, digits(), trial) as (engine, own):
        reports = list(fit(engine, digits(), config, trial, own))
    assert trial.save_model
    trial.save_model(path)
    return reports


class Forgetful(layers.Layer):
    """Computes with a number that its configuration does not hold."""

    def __init__(self, factor: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def test_a_saved_model_that_nobody_can_make_again_fails_its_trial(tmp_path: Path) -> None:
    factors = itertools.count(1)

    def build(*_: Any) -> keras.Model:
        forgetful = Forgetful(0.1 * next(factors))
        return keras.Sequential([keras.Input((8, 8, 1)), forgetful, layers.Flatten(), layers.Dense(10, "softmax")])

    with pytest.raises(TrainableError, match=r"other outputs than the one that was measured .* not saved"):
        saved(build, tmp_path / "model.keras")


class Required(keras.Model):
    """Its class says nothing of its arguments, so that Keras cannot store it."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner = layers.Dense(units, "relu")
        self.outer = layers.Dense(10, "softmax")

    def call(self, images: Any) -> Any:
        return self.outer(self.inner(keras.ops.reshape(images / 255, (-1, 64))))


class Defaults(Required):
    """Keras stores the default of such an argument, whatever was given."""

    def __init__(self, scale: float = 1.0, **options: Any) -> None:
        super().__init__(5)
        self.scale = scale

    def call(self, images: Any) -> Any:
        return super().call(images * self.scale)


BY_BUILD: dict[str, Callable[[], keras.Model]] = {
    "argument without default": lambda: Required(7),
    "argument with default": lambda: Defaults(scale=0.1),
    "layer that forgets": lambda: keras.Sequential(
        [keras.Input((8, 8, 1)), Forgetful(0.1), layers.Flatten(), layers.Dense(10, "softmax")]
    ),
}


@pytest.mark.parametrize("name", BY_BUILD)
def test_a_model_that_keras_cannot_store_or_stores_wrongly_is_made_by_its_build_alone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(*_: Any) -> keras.Model:
        model = BY_BUILD[name]()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    last = saved(build, tmp_path / "model.keras")[-1]
    assert "load_model(path, build)" in capsys.readouterr().out
    model = load_model(tmp_path / "model.keras", build)
    images, labels = digits().test.take()
    loss, accuracy = model.evaluate(images.astype(np.float32), labels, verbose=0)
    assert (loss, accuracy) == pytest.approx((last["test_loss"], last["test_accuracy"]), rel=1e-4)
    with pytest.raises((TypeError, ValueError), match=r"load_model\(path, build\)"):
        keras.models.load_model(
            tmp_path / "model.keras", {kind.__name__: kind for kind in (Required, Defaults, Forgetful)}
        )


def test_weights_of_a_known_structure_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, config = Trial(seed=1), {"filters": 4, "head_units": 8, "epochs": 1}
    list(train_on(digits(), config, trial))
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    monkeypatch.setattr(saved_models, "_loaded", lambda *_: pytest.fail("loaded again"))
    trial.save_model(tmp_path / "again.keras")
    save = keras.Model.save

    def saves_others(model: keras.Model, path: Path) -> None:
        model.set_weights([value + 1 for value in model.get_weights()])
        save(model, path)

    monkeypatch.setattr(keras.Model, "save", saves_others)
    with pytest.raises(TrainableError, match="other weights"):
        trial.save_model(tmp_path / "third.keras")


def test_a_model_that_draws_numbers_where_it_predicts_is_kept_and_told(tmp_path: Path, capsys: Any) -> None:
    class AlwaysDropping(layers.Dropout):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return super().call(inputs, training=True)

    def build(*_: Any) -> keras.Model:
        ending = layers.Dense(10, "softmax")
        return keras.Sequential([keras.Input((8, 8, 1)), AlwaysDropping(0.9), layers.Flatten(), ending])

    saved(build, tmp_path / "model.keras")
    assert "draws random numbers where it predicts" in capsys.readouterr().out


OWN = """
import keras


def build(config, data):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(config["units"], "relu")
            self.outer = keras.layers.Dense(data.info.num_classes, "softmax")

        def call(self, images):
            return self.outer(self.inner(keras.ops.reshape(images / 255, (-1, 64))))

    net = Net()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net
"""
LOAD = """
import numpy as np
from own_net import build
from trainables.image_classifier import load_model

model = load_model("model.keras", build)
with np.load("test.npz") as data:
    print(*model.evaluate(data["images"], data["labels"], verbose=0))
"""


def test_a_class_within_build_loads_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_net.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    build = importlib.import_module("own_net").build

    reports = saved(build, tmp_path / "model.keras", units=7)
    images, labels = digits().test.take()
    np.savez(tmp_path / "test.npz", images=images.astype(np.float32), labels=labels)
    path = f"{tmp_path}:{Path(__file__).parent.parent.parent}"
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=tmp_path,
        env={"PYTHONPATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loss, accuracy = (float(word) for word in done.stdout.split()[-2:])
    assert accuracy == pytest.approx(reports[-1]["test_accuracy"])
    assert loss == pytest.approx(reports[-1]["test_loss"], rel=1e-4)


def test_a_model_whose_data_a_function_gave_is_built_anew_with_that_function(tmp_path: Path) -> None:
    def shapes(config: Any, trial: Trial) -> Any:
        return digits().train.take()

    def build(_config: Any, data: Any) -> keras.Model:
        class Net(keras.Sequential):
            pass

        return Net([keras.Input(data.input_shape), layers.Flatten(), layers.Dense(data.info.num_classes)])

    trial = Trial(asked={"dataset": shapes, "metric": "val_accuracy", "mode": "max"})
    assert len(list(train_with(build)({"epochs": 1}, trial))) == 2
    assert trial.save_model is not None
    path = tmp_path / "model.keras"
    trial.save_model(path)
    images, _ = digits().test.take()
    outputs = load_model(path, build, dataset=shapes).predict(images, verbose=0)
    assert outputs.shape == (len(images), 10)
    with pytest.raises(TrainableError, match=r"came from the function shapes\(\); expected it as dataset="):
        load_model(path, build)
    space = Space(train_with(build), {"rate": Float(0, 1)}, dataset=shapes, trials=1)
    (tmp_path / "manifest.json").write_text(json.dumps({"space": {"data": "of a function"}}))
    again = Experiment(tmp_path, space).load_model(path)
    assert np.array_equal(again.predict(images, verbose=0), outputs)


def test_whether_a_function_gave_the_data_of_a_model_does_not_follow_from_a_name(tmp_path: Path) -> None:
    images, labels = digits().train.take()
    np.savez(tmp_path / "shapes().npz", x_train=images, y_train=labels)

    def build(_config: Any, data: Any) -> keras.Model:
        class Net(keras.Sequential):
            pass

        return Net([keras.Input(data.input_shape), layers.Flatten(), layers.Dense(data.info.num_classes)])

    for dataset in ("shapes()", lambda *_: (images, labels)):
        trial = Trial(data_dir=tmp_path)
        assert len(list(train_with(build)({"epochs": 1, "dataset": dataset}, trial))) == 2
        assert trial.save_model is not None
        trial.save_model(tmp_path / "model.keras")
        if not callable(dataset):
            assert load_model(tmp_path / "model.keras", build, tmp_path).predict(images[:1], verbose=0).shape == (1, 10)
    with pytest.raises(TrainableError, match=r"came from the function <lambda>\(\); expected it as dataset="):
        load_model(tmp_path / "model.keras", build)


def plain_network(
    path: Path, activation: str = "relu", units: int = 8, name: str | None = None, rate: float = 0.1
) -> str:
    given = keras.Input((4,))
    hidden = layers.Dense(units, activation, name=name)(given)
    model = keras.Model(given, layers.Add()([hidden, layers.Dropout(rate)(hidden)]))
    model.compile(keras.optimizers.Adam(rate), "mse")
    model.save(path)
    return saved_models._configuration(path)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"rate": 0.3}, True),
        ({"name": "mine"}, True),
        ({"units": 9}, False),
        ({"activation": "tanh"}, False),
        ({"activation": "tanh", "name": "tanh"}, False),
    ],
)
def test_one_structure_has_one_configuration(other: dict[str, Any], same: bool, tmp_path: Path) -> None:
    first = {"name": "relu"} if "name" in other else {}
    found = [plain_network(tmp_path / "model.keras", **settings) for settings in (first, other)]
    assert (found[0] == found[1]) is same


def test_model_of_a_class_that_does_not_say_what_it_takes_classifies_nothing() -> None:
    class Own(keras.Model):
        pass

    with pytest.raises(TrainableError, match=r"the model of best\.keras is of the class Own, .* call it yourself"):
        open_classifier(Path("best.keras"), lambda path: Own(), cpus=1)
