"""A table of numbers with four classes, small models of it, and trials that train them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from trainables.image_classifier import train_with
from trainables.trial import Metrics, Trial

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(300, 4)).astype(np.float32)
CLASSES = (TABLE[:, 0] > 0) + 2 * (TABLE[:, 1] > 0)
NUMBERS = TABLE @ np.array([1, 2, 3, 4], np.float32)
ROW = keras.Input((4,))


def trained(build: Callable[..., Any], data: Any, **config: Any) -> tuple[list[Metrics], Trial]:
    """What a trial yields, and the trial: `data` is what a data function gives."""
    trial = Trial(seed=1)
    config = {"epochs": 8, "learning_rate": 0.03, "batch_size": 32, "dataset": lambda *_: data, **config}
    return list(train_with(build)(config, trial)), trial


def saved(trial: Trial, path: Path) -> keras.Model:
    assert trial.save_model is not None
    trial.save_model(path)
    return keras.models.load_model(path)


def of_a_table(_config: Any, data: Any) -> keras.Model:
    assert (data.input_shape, data.info.num_classes) == ((4,), 4)
    return keras.Sequential([keras.Input(data.input_shape), layers.Dense(16, "relu"), layers.Dense(4, "softmax")])
