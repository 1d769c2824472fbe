"""The network and the data of `benchmarks/spaces/digits_cnn.py` as a Keras user writes them, for every peer alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import Split
from trainables.datasets.load import load_data
from trainables.trial import Trial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's messages would count as work.

FILTERS = (8, 16, 32)
DROPOUT = (0.1, 0.6)
LEARNING_RATE = (1e-4, 1e-2)
EPOCHS = 5
BATCH_SIZE = 64

Arrays = tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]


def load_digits() -> tuple[Arrays, Arrays]:
    """Return images, shape (n, 8, 8, 1), and labels, of training and validation: the rows that this system uses."""
    data = load_data({"dataset": "digits"}, Trial())
    return _arrays(data.train), _arrays(data.validation)


def _arrays(split: Split) -> Arrays:
    return split.images[split.index], split.labels[split.index]


def build_model(filters: int, dropout: float, learning_rate: float) -> Any:
    """Return a compiled model."""
    import keras  # noqa: PLC0415  # Ray's driver reads this module too, and trains nothing.
    from keras import layers  # noqa: PLC0415  # likewise

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def random_configurations(count: int, seed: int) -> list[dict[str, Any]]:
    """Return what a random search would try."""
    rng = np.random.default_rng(seed)
    low, high = np.log(LEARNING_RATE)
    return [
        {
            "filters": int(rng.choice(FILTERS)),
            "dropout": float(rng.uniform(*DROPOUT)),
            "learning_rate": float(np.exp(rng.uniform(low, high))),
        }
        for _ in range(count)
    ]


def best_epoch(history: Mapping[str, Sequence[float]]) -> float:
    """Return the trial's value, the validation accuracy at its best epoch."""
    return float(max(history["val_accuracy"]))
