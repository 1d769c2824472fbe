"""HyperModels as the guides of KerasTuner teach them, written anew and small: images of 8x8, ten classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainables.engines.runtime import configure
from trainables.tailored import tailored

configure(cpus=1)

import keras  # noqa: E402
import keras_tuner  # noqa: E402

SHAPE = (8, 8, 1)


def build_model(hp: Any) -> keras.Model:
    """Getting started: width, activation and learning rate of one hidden layer, and whether there is dropout."""
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    units = hp.Int("units", min_value=16, max_value=64, step=16)
    model.add(keras.layers.Dense(units, activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_deep(hp: Any) -> keras.Model:
    """Getting started, architecture: as many layers as an Int says, each of its own width."""
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(keras.layers.Dense(hp.Int(f"units_{i}", 16, 64, step=16), activation="relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5, step=0.1)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class TunesFit(keras_tuner.HyperModel):
    """Getting started, training: whether to shuffle, and whether to scale the pixels, is asked for in `fit`."""

    def build(self, hp: Any) -> keras.Model:
        return build_model(hp)

    def fit(self, hp: Any, model: keras.Model, x: Any, y: Any, validation_data: Any = None, **kwargs: Any) -> Any:
        if hp.Boolean("normalize"):
            x, validation_data = x / 16, (validation_data[0] / 16, validation_data[1])
        shuffle, batch_size = hp.Boolean("shuffle"), hp.Choice("batch_size", [16, 32, 64])
        return model.fit(x, y, validation_data=validation_data, shuffle=shuffle, batch_size=batch_size, **kwargs)


def build_visualized(hp: Any) -> keras.Model:
    """Visualize: convolutions, each with filters, kernel and pooling of its own, and an optimizer to choose."""
    inputs = keras.Input(SHAPE)
    x = inputs
    for i in range(hp.Int("conv_layers", 1, 2, default=2)):
        filters, kernel = hp.Int(f"filters_{i}", 4, 12, step=4, default=8), hp.Int(f"kernel_size_{i}", 1, 3)
        x = keras.layers.Conv2D(filters, kernel, activation="relu", padding="same")(x)
        if hp.Choice(f"pooling_{i}", ["max", "avg"]) == "max":
            x = keras.layers.MaxPooling2D(2)(x)
        else:
            x = keras.layers.AveragePooling2D(2)(x)
        if hp.Boolean("batch_norm", default=True):
            x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))
    model.compile(hp.Choice("optimizer", ["adam", "sgd"]), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def only_the_learning_rate() -> Any:
    """Tailor: of all hyperparameters the learning rate only is searched, in another range."""
    hp = keras_tuner.HyperParameters()
    hp.Float("lr", min_value=1e-3, max_value=1e-1, sampling="log")
    return tailored(build_model, hp, tune_new_entries=False)


def all_but_one() -> Any:
    """Tailor: one hyperparameter is fixed, and the model compiled otherwise."""
    hp = keras_tuner.HyperParameters()
    hp.Fixed("units", value=32)
    return tailored(build_model, hp, optimizer=keras.optimizers.SGD(1e-2), metrics=["accuracy"])


class OwnLoop(keras_tuner.HyperModel):
    """Custom tuner: `fit` is a training loop of its own, which asks for batch size and learning rate."""

    def build(self, hp: Any) -> keras.Model:
        inputs = keras.Input(SHAPE)
        x = keras.layers.Dense(hp.Choice("units", [8, 16]), activation="relu")(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(10)(x))

    def fit(self, hp: Any, model: keras.Model, *data: Any, validation_data: Any, callbacks: Any = (), **_: Any) -> Any:
        x, y = data
        size = hp.Int("batch_size", 32, 128, step=32, default=64)
        optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3))
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        for callback in callbacks:
            callback.set_model(model)
        for epoch in range(2):
            losses = [model.train_on_batch(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]
            value = float(model.evaluate(*validation_data, verbose=0))
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"loss": float(np.mean(losses)), "val_loss": value})
        return value


GUIDES: dict[str, Any] = {
    "getting started": build_model,
    "getting started, layers": build_deep,
    "getting started, fit": TunesFit(),
    "visualize": build_visualized,
    "tailor, a few": only_the_learning_rate(),
    "tailor, all but one": all_but_one(),
    "custom tuner": OwnLoop(),
}
