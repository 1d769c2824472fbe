"""A trial that goes on with another's training: its weights and optimizer, under settings of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.settings.changes import check_image_change, check_own_change
from trainables.trial import Trial, declaration_of

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.compiled.optimizers import set_weight_decay  # noqa: E402
from trainables.data import Data  # noqa: E402
from trainables.engines.contract import Engine  # noqa: E402
from trainables.hypermodel import build_with, train_hypermodel  # noqa: E402
from trainables.image_classifier import train_on, train_with  # noqa: E402
from trainables.own_models.choice import OwnModel, own_engine  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402
from trainables.training.prepared import prepared_fit, prepared_program  # noqa: E402

SMALL: dict[str, Any] = {
    **{"filters": 4, "dropout": 0.1, "head_dropout": 0.1, "batch_norm": "none", "head_units": (16,), "epochs": 4},
    **{"batch_size": 48, "optimizer": "sgd_momentum", "learning_rate": 0.02, "weight_decay": 0.01},
}
CHANGED = {"learning_rate": 0.005, "weight_decay": 0.2}


def of_user(optimizer: type[keras.optimizers.Optimizer]) -> Any:
    def build(config: dict[str, Any], data: Data) -> keras.Model:
        model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(16, "relu"), layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        rule = optimizer(config["learning_rate"], weight_decay=config["weight_decay"])
        model.compile(rule, loss, metrics=["accuracy"])
        return model

    return build


def of_hyperparameters(hp: Any) -> keras.Model:
    """What a KerasTuner user writes; its rotation is a strength of augmentation."""
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.RandomRotation(hp.Float("rotation", 0.0, 0.5))])
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Int("units", 8, 32), "relu"))
    model.add(layers.Dense(10, "softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-1)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


KINDS = {"program", "fit", "own program", "own fit"}


@contextmanager
def engine_of(kind: str, config: dict[str, Any], trial: Trial) -> Iterator[tuple[Engine, OwnModel | None]]:
    if kind == "program":
        with prepared_program(config, digits(), trial.seed) as program:
            yield program, None
    elif kind == "fit":
        yield prepared_fit(config, digits(), trial.seed, cpus=1), None
    else:
        optimizer = keras.optimizers.Adam if kind == "own program" else keras.optimizers.Lamb
        own_settings = {n: config[n] for n in ("learning_rate", "weight_decay", "epochs", "batch_size")}
        with own_engine(of_user(optimizer), own_settings, digits(), trial) as found:
            yield found


def without_time(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "seconds"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_follower_trains_as_its_parent_would_at_the_new_rates(kind: str, tmp_path: Path) -> None:
    """The reference is one training whose optimizer is given the new rates by hand between two epochs."""
    trial = Trial(seed=3)
    with engine_of(kind, SMALL, trial) as (engine, own):
        assert engine.name == ("compiled" if "program" in kind else "fit")
        epochs = fit(engine, digits(), SMALL, trial, own)
        next(epochs)
        next(epochs)
        assert trial.save is not None
        trial.save(tmp_path)
        engine.optimizer.learning_rate = CHANGED["learning_rate"]
        if own is None:
            set_weight_decay(engine.optimizer, CHANGED["weight_decay"])
            expected = [without_time(next(epochs)) for _ in range(2)]
        elif kind == "own fit":
            engine.optimizer.weight_decay = CHANGED["weight_decay"]
            engine.model.train_function = None  # It is traced again, with the other decay.
            expected = [without_time(next(epochs)) for _ in range(2)]
        else:
            expected = []  # A decay in a graph cannot be changed by hand: the rate alone is looked at.
    follower = Trial(seed=3, checkpoint=tmp_path, inherits=True)
    config = {**SMALL, **CHANGED}
    with engine_of(kind, config, follower) as (engine, own):
        *found, _ = map(without_time, fit(engine, digits(), config, follower, own))
        assert float(engine.optimizer.weight_decay) == pytest.approx(CHANGED["weight_decay"])
    assert [one["epoch"] for one in found] == [3, 4]
    assert [one["learning_rate"] for one in found] == pytest.approx([0.005, 0.005])
    assert expected in ([], found)


CHANGES: dict[str, dict[str, Any]] = {
    "learning_rate": {"learning_rate": 0.001},
    "weight_decay": {"weight_decay": 0.5},
    "batch_size": {"batch_size": 24},
    "dropout": {"dropout": 0.5},
    "head_dropout": {"head_dropout": 0.6},
    "augmentation": {"augmentation": "flip_rotation"},
    "random_crop": {"random_crop": 2},
    "label_smoothing": {"label_smoothing": 0.3},
    "mixing_strength": {"mixing_strength": 0.9},
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_that_may_change_has_its_effect_from_the_next_epoch_on(name: str, tmp_path: Path) -> None:
    check_image_change([name], {})
    config = {**SMALL, "mixing": "mixup"} if name == "mixing_strength" else SMALL
    trial = Trial(seed=3)
    whole = train_on(digits(), config, trial)
    next(whole)
    assert trial.save is not None
    trial.save(tmp_path)
    goes_on = without_time(next(whole))
    whole.close()
    same, other = ({**config, **changes} for changes in ({}, CHANGES[name]))
    followers = [Trial(seed=3, checkpoint=tmp_path, inherits=True) for _ in range(2)]
    found = [without_time(next(train_on(digits(), c, t))) for c, t in zip((same, other), followers, strict=True)]
    assert found[0] == goes_on
    assert found[1]["epoch"] == 2
    assert found[1]["loss"] != goes_on["loss"]
    assert found[1]["loss"] == pytest.approx(goes_on["loss"], rel=0.6)  # It goes on, and does not begin anew.


def test_a_hypermodels_own_setting_changes_in_the_middle_of_a_training(tmp_path: Path) -> None:
    config = {"rotation": 0.0, "units": 16, "learning_rate": 0.01, "epochs": 3, "batch_size": 32}
    check_own_change(["rotation", "learning_rate"], {})
    found: dict[tuple[float, float], dict[str, float]] = {}
    for rotation, rate in ((0.0, 0.01), (0.5, 0.01), (0.0, 0.001)):
        trial = Trial(seed=3, checkpoint=tmp_path if found else None, inherits=bool(found))
        own = {**config, "rotation": rotation, "learning_rate": rate}
        with own_engine(build_with(of_hyperparameters), own, digits(), trial) as (engine, model):
            epochs = fit(engine, digits(), own, trial, model)
            one = without_time(next(epochs))
            if not found:
                assert trial.save is not None
                trial.save(tmp_path)
                one = without_time(next(epochs))
            epochs.close()
        found[rotation, rate] = one
    assert {one["epoch"] for one in found.values()} == {2}
    assert len({one["loss"] for one in found.values()}) == 3
    assert found[0.0, 0.001]["learning_rate"] == pytest.approx(0.001)


def test_a_setting_that_makes_other_weights_is_refused_when_the_training_goes_on(tmp_path: Path) -> None:
    config = {"rotation": 0.1, "units": 16, "learning_rate": 0.01, "epochs": 2, "batch_size": 32}
    trial = Trial(seed=3)
    with own_engine(build_with(of_hyperparameters), config, digits(), trial) as (engine, model):
        next(fit(engine, digits(), config, trial, model))
        assert trial.save is not None
        trial.save(tmp_path)
    follower, other = Trial(seed=3, checkpoint=tmp_path, inherits=True), {**config, "units": 8}
    with (
        own_engine(build_with(of_hyperparameters), other, digits(), follower) as (engine, model),
        pytest.raises(TrainableError, match="other weights than those that it goes on with"),
    ):
        next(fit(engine, digits(), other, follower, model))


def test_the_best_weights_of_a_follower_are_of_its_own_epochs(tmp_path: Path) -> None:
    """Its row tells its own best epoch, and the saved model must be the one that was measured there."""
    trial, config = Trial(seed=3), {**SMALL, "epochs": 6}
    with prepared_program(config, digits(), 3) as program:
        epochs = fit(program, digits(), config, trial)
        before = [next(epochs)["val_accuracy"] for _ in range(4)]
        assert trial.save is not None
        trial.save(tmp_path)
    ruined = {**config, "learning_rate": 3.0}
    with prepared_program(ruined, digits(), 3) as program:
        *own, _ = fit(program, digits(), ruined, Trial(seed=3, checkpoint=tmp_path, inherits=True))
        at_end = program.evaluation(digits().validation, 128).metrics["accuracy"]
    best = max(one["val_accuracy"] for one in own)
    assert best < max(before)
    assert at_end == pytest.approx(best)


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (["filters"], {}, "'filters' cannot change in the middle of a training; expected some of augmentation, batch_"),
        (["epochs"], {}, "'epochs' cannot change"),
        (["learning_rate"], {"reduce_on_plateau": (3,)}, "both change the learning rate"),
        (["dropout"], {"regime": ("two_stage",)}, "two stages"),
    ],
)
def test_what_cannot_change_is_refused_before_training(names: list[str], settings: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        check_image_change(names, settings)


def test_a_training_of_which_not_all_is_known_cannot_go_on_under_other_settings() -> None:
    class Own:
        def build(self, hp: Any) -> Any: ...

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any: ...

    told = train_with(of_user(keras.optimizers.Adam), callbacks=lambda config: [])
    for trainable in (told, train_hypermodel(Own())):
        with pytest.raises(TrainableError, match="does not declare that a training can go on under other settings"):
            declaration_of(trainable).check_change(["learning_rate"], {})
    with pytest.raises(TrainableError, match="'optimizer' cannot change"):
        declaration_of(train_hypermodel(of_hyperparameters)).check_change(["optimizer"], {})
