"""An epoch of ours against Keras' own `fit` on the same data in the same order."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.engines.seeds import order_of_epoch
from trainables.settings.image import ImageSettings

configure(cpus=1)

import keras  # noqa: E402

from trainables.compiled.chunks import chunks  # noqa: E402
from trainables.compiled.optimizers import make_optimizer  # noqa: E402
from trainables.compiled.program import Program  # noqa: E402
from trainables.engines.initial_weights import initial_weights  # noqa: E402
from trainables.engines.layers import plain  # noqa: E402
from trainables.networks.build import build_model  # noqa: E402

SEED, EPOCHS, BATCH = 3, 2, 48
NAMES = ("loss", "accuracy", "val_loss", "val_accuracy")


def small(**settings: Any) -> ImageSettings:
    return ImageSettings(**{"filters": 8, "dropout": 0.0, "head_units": (16,), "batch_size": BATCH, **settings})


def program_of(settings: ImageSettings) -> Program:
    model = build_model(settings, (8, 8, 1), 10)
    program = Program(model, make_optimizer(settings.optimizer, decays=settings.weight_decay is not None), (8, 8, 1))
    program.start(initial_weights(model, SEED), settings)
    return program


def our_epochs(program: Program, weights: Any = None) -> list[tuple[float, ...]]:
    data = digits()
    metrics: list[tuple[float, ...]] = []
    for epoch in range(1, EPOCHS + 1):
        program.seed_layers(SEED, epoch)
        order = order_of_epoch(SEED, epoch, len(data.train))
        loss, accuracy = program.train(chunks(data.train, BATCH, order), BATCH, weights)
        metrics.append((loss, accuracy, *program.evaluate(chunks(data.validation, 100), 100)[:2]))
    return metrics


def keras_epochs(model: keras.Model, optimizer: Any, seeds: Any = None, **fit: Any) -> Iterator[tuple[float, ...]]:
    data = digits()
    images, labels = data.train.take()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    for epoch in range(1, EPOCHS + 1):
        order = order_of_epoch(SEED, epoch, len(images))
        if seeds:
            seeds(epoch)
        done = model.fit(
            images[order], labels[order], BATCH, shuffle=False, verbose=0, validation_data=data.validation.take(), **fit
        )
        yield tuple(done.history[name][-1] for name in NAMES)


def assert_alike(program: Program, ours: Any, model: keras.Model, keras_own: Any) -> None:
    np.testing.assert_allclose(ours, list(keras_own), rtol=2e-3)
    for mine, theirs in zip(program.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(np.asarray(mine, float), theirs, atol=1e-3)


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "adamw": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.3),
    "nadam": lambda: keras.optimizers.Nadam(1e-3),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3),
    "sgd": lambda: keras.optimizers.SGD(1e-3),
    "sgd_momentum": lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_epochs_give_the_metrics_and_weights_of_fit(name: str) -> None:
    program = program_of(small(optimizer=name, weight_decay=0.3 if name == "adamw" else None))
    model = plain(program.model, {})
    model.set_weights(program.get_weights())
    assert_alike(program, our_epochs(program), model, keras_epochs(model, OPTIMIZERS[name]()))


def test_weight_decay_is_that_of_keras_for_any_optimizer() -> None:
    program = program_of(small(optimizer="sgd", weight_decay=20.0))
    model = plain(program.model, {})
    model.set_weights(program.get_weights())
    keras_own = keras_epochs(model, keras.optimizers.SGD(1e-3, weight_decay=20.0))
    assert_alike(program, our_epochs(program), model, keras_own)


SLOW_AUGMENTATIONS = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("flip_rotation", "geometric", "flip_rotation_zoom_noise")
]


@pytest.mark.parametrize("augmentation", ["none", *SLOW_AUGMENTATIONS])
def test_dropout_and_augmentation_draw_what_they_draw_under_fit(augmentation: str) -> None:
    program = program_of(small(dropout=0.4, augmentation=augmentation))
    model = program.model
    model.set_weights(program.get_weights())

    def seeds(epoch: int) -> None:
        fresh = program_of(small(dropout=0.4, augmentation=augmentation))
        fresh.seed_layers(SEED, epoch)
        for variable, value in zip(model.non_trainable_variables, fresh._others, strict=True):
            if variable.name == "seed_generator_state":
                variable.assign(value)

    ours = our_epochs(program)
    assert_alike(program, ours, model, keras_epochs(model, keras.optimizers.Adam(1e-3), seeds))


def test_class_weights_are_those_of_fit() -> None:
    weights = np.linspace(0.2, 3, 10, dtype=np.float32)
    program = program_of(small())
    model = plain(program.model, {})
    model.set_weights(program.get_weights())
    keras_own = keras_epochs(model, keras.optimizers.Adam(1e-3), class_weight=dict(enumerate(weights.tolist())))
    assert_alike(program, our_epochs(program, weights), model, keras_own)


def test_regularizers_constraints_and_a_sigmoid_unit_work_as_under_fit() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(8, kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(0.5)),
            layers.Dense(1, "sigmoid"),
        ]
    )
    program = Program(model, make_optimizer("adam", decays=False), (8, 8, 1))
    program.start(initial_weights(model, SEED), ImageSettings())
    model.set_weights(program.get_weights())
    images, labels = digits().train.take()
    order = order_of_epoch(SEED, 1, len(images))
    images, labels = images[order], labels[order] % 2
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    done = model.fit(images, labels, BATCH, shuffle=False, verbose=0)
    ours = program.train([(images, labels.astype(np.int32))], BATCH)
    np.testing.assert_allclose(ours, (done.history["loss"][0], done.history["accuracy"][0]), rtol=1e-4)
    for mine, theirs in zip(program.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(np.asarray(mine, float), theirs, atol=1e-5)
