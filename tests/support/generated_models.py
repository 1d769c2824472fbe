"""Small Keras models drawn at random: every kind of layer that keeps state, or that is easily trained wrongly."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

SHAPE = (8, 8, 1)
L2, NORM, NONNEG = keras.regularizers.L2(0.01), keras.constraints.MaxNorm(0.7), keras.constraints.NonNeg()


def _convolution(draw: np.random.Generator, x: Any) -> Any:
    kinds = [
        layers.Conv2D(4, 3, kernel_regularizer=L2, kernel_constraint=NORM, activation="relu"),
        layers.Conv2D(3, 3, strides=2, activity_regularizer=keras.regularizers.L1(1e-4)),
        layers.SeparableConv2D(4, 3, depthwise_regularizer=L2, pointwise_constraint=NONNEG),
        layers.DepthwiseConv2D(3, depth_multiplier=2, bias_regularizer=L2),
        layers.Conv2DTranspose(2, 3, activation="elu"),
    ]
    return _one(draw, kinds)(x)


def _normalization(draw: np.random.Generator, x: Any) -> Any:
    kinds = [
        layers.BatchNormalization(momentum=0.8, gamma_constraint=NONNEG, beta_regularizer=L2),
        layers.BatchNormalization(trainable=False),
        layers.LayerNormalization(),
        layers.GroupNormalization(1),
        layers.UnitNormalization(),
    ]
    return _one(draw, kinds)(x)


def _noise(draw: np.random.Generator, x: Any) -> Any:
    """At rates where the engines draw the same numbers: 0, or by a layer that both have."""
    kinds = [layers.Dropout(0.0), layers.SpatialDropout2D(0.3), layers.GaussianNoise(0.1), layers.RandomFlip(seed=5)]
    return _one(draw, kinds)(x)


def _shape(draw: np.random.Generator, x: Any) -> Any:
    kinds = [layers.MaxPooling2D(), layers.AveragePooling2D(2, padding="same"), layers.ZeroPadding2D(1), layers.PReLU()]
    return _one(draw, kinds)(x)


def _shared(_draw: np.random.Generator, x: Any) -> Any:
    both = layers.Conv2D(x.shape[-1], 3, padding="same", kernel_regularizer=L2)
    return layers.Add()([both(x), both(keras.ops.relu(x)) * 0.5])


def _recurrent(draw: np.random.Generator, x: Any) -> Any:
    rows = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    kinds = [layers.LSTM(6, kernel_regularizer=L2), layers.GRU(6, recurrent_constraint=NORM), layers.SimpleRNN(6)]
    return _one(draw, kinds)(rows)


def _nested(_draw: np.random.Generator, x: Any) -> Any:
    return keras.Sequential([layers.Flatten(), layers.Dense(12, "tanh"), layers.BatchNormalization(momentum=0.5)])(x)


def generated(seed: int) -> keras.Model:
    """A model for images 8x8 in 10 classes; some end in logits, half are compiled."""
    draw = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 16, offset=-0.5)(inputs)
    blocks = [_convolution, _normalization, _noise, _shape, _shared]
    for number in draw.permutation(len(blocks)):
        x = blocks[number](draw, x)
    x = _one(draw, [_recurrent, _nested])(draw, x)
    logits = bool(draw.integers(2))
    model = keras.Model(inputs, layers.Dense(10, None if logits else "softmax")(x))
    if draw.integers(2):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
        model.compile(_one(draw, _optimizers()), loss, metrics=["accuracy"])
    return model


def _optimizers() -> list[Any]:
    return [
        keras.optimizers.Adam(0.01, beta_1=0.8, amsgrad=True),
        keras.optimizers.SGD(0.01, momentum=0.8, weight_decay=0.1),
        keras.optimizers.RMSprop(0.005, centered=True),
        keras.optimizers.Adagrad(0.02),
    ]


def _one(draw: np.random.Generator, kinds: list[Any]) -> Any:
    return kinds[draw.integers(len(kinds))]
