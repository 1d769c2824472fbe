"""What every system searches: the settings, the rows of images, and the network as a Keras user writes it."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.data import data_folder
from benchmarks.spaces import real_digits, real_mnist
from search.space import Space
from trainables.data import Split
from trainables.datasets.load import load_data
from trainables.settings.image import of_data
from trainables.trial import Trial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's messages would count as work.

_RANGES: Any = real_digits.space.parameters
FILTERS, KERNEL_SIZES = _RANGES["filters"].options, _RANGES["kernel_size"].options
DROPOUT, LEARNING_RATE = ((_RANGES[name].low, _RANGES[name].high) for name in ("dropout", "learning_rate"))
"""Ranges: of the dropout after each convolution as of that in the head, and of the rate, which is searched in its
logarithm."""
Arrays = tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Problem:
    """One data set with one length of training."""

    space: Space
    """What this system searches."""
    padding: str
    """Padding of the convolutions, which small images need."""
    seconds: float
    """Wall clock of one search, if no other is asked for."""
    accuracies: tuple[float, ...]
    """Validation accuracies of which it is asked how soon a search has them."""

    @property
    def epochs(self) -> int:
        """Epochs of a whole training."""
        return int(str(self.space.fixed["epochs"]))

    @property
    def batch_size(self) -> int:
        """Images of a batch."""
        return int(str(self.space.fixed["batch_size"]))


PROBLEMS = {
    "digits": Problem(real_digits.space, "same", 35.0, (0.97, 0.98, 0.985)),
    "mnist": Problem(real_mnist.space, "valid", 45.0, (0.92, 0.94, 0.95)),
}


def load_arrays(problem: Problem, seed: int) -> tuple[Arrays, Arrays]:
    """Return images, shape (n, height, width, 1), and labels of training and validation: the rows of this system."""
    trial = Trial(split_seed=seed, data_dir=data_folder())
    data = load_data({"dataset": problem.space.dataset, **of_data(problem.space.fixed)}, trial)
    return _arrays(data.train), _arrays(data.validation)


def _arrays(split: Any) -> Arrays:
    assert isinstance(split, Split)
    return split.images[split.index], split.labels[split.index]


def build_model(
    problem: Problem,
    image_shape: tuple[int, ...],
    *,
    filters: int,
    kernel_size: int,
    dropout: float,
    head_dropout: float,
    learning_rate: float,
) -> Any:
    """Return a compiled model."""
    import keras  # noqa: PLC0415  # The driver of Ray reads this module too, and trains nothing.
    from keras import layers  # noqa: PLC0415  # likewise

    model = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, padding=problem.padding, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Conv2D(filters, kernel_size, padding=problem.padding, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(head_dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@dataclass(frozen=True)
class Events:
    """A file to which a peer appends a line when an epoch has ended; several processes may append to it."""

    path: Path

    def add(self, trial: str, epoch: int, value: float) -> None:
        """Note that this epoch of the trial ends now, with its validation accuracy."""
        line = json.dumps({"at": time.time(), "trial": trial, "epoch": epoch, "value": value})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options of every peer: what it searches, by which seed, and where its epochs go.

    A peer searches until it is ended from outside.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--problem", choices=PROBLEMS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder; epochs go to events.jsonl in it")
    return parser


def one_thread() -> None:
    """Give this process one core, where two of them train side by side."""
    import tensorflow as tf  # noqa: PLC0415  # takes seconds

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
