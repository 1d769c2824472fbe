"""HyperModels without a network, where what they ask for is what counts, and what KerasTuner's oracle finds of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np


class Network:
    """Every kind of hyperparameter, with conditions declared and not."""

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
        hp.Float("warmth", 0.1, 1.0, sampling="reverse_log")
        hp.Fixed("units", 10)
        hp.Choice("only", ["one"])


class Layers:
    """As many hidden layers as an Int says."""

    def build(self, hp: Any) -> None:
        for level in range(hp.Int("levels", 1, 3)):
            hp.Int(f"width_{level}", 8, 64, step=8)


def nested(hp: Any) -> None:
    """A loop within a loop."""
    for block in range(hp.Int("blocks", 1, 2)):
        for conv in range(hp.Int(f"convs_{block}", 1, 2)):
            hp.Int(f"size_{block}_{conv}", 1, 3)


def layer_of_two(hp: Any) -> None:
    """A hyperparameter that neither of two others shows alone."""
    a, b = hp.Choice("a", ["x", "y"]), hp.Choice("b", ["x", "y"])
    if a == b == "y":
        hp.Int("both", 1, 2)


def threshold(hp: Any) -> None:
    """A condition on a long range."""
    if hp.Int("units", 1, 1000) > 321:
        hp.Boolean("extra")


def oracle_finds(hypermodel: Any, folder: Path, trials: int = 60) -> set[str]:
    """The names that KerasTuner's own random search knows after so many trials without training."""
    import keras_tuner

    class Tuner(keras_tuner.RandomSearch):
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> float:
            model = self.hypermodel.build(trial.hyperparameters)
            if hasattr(hypermodel, "fit") and type(hypermodel).fit is not keras_tuner.HyperModel.fit:
                x, y = np.zeros((64, *model.input_shape[1:]), "float32"), np.zeros(64, "int64")
                hypermodel.fit(trial.hyperparameters, model, x, y, validation_data=(x, y))
            return 0.0

    build = hypermodel.build if hasattr(hypermodel, "build") else hypermodel
    objective = keras_tuner.Objective("score", "max")
    tuner = Tuner(build, objective=objective, max_trials=trials, directory=str(folder), project_name="oracle", seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # KerasTuner names its thread by an old name.
        tuner.search(verbose=0)
    return {hp.name for hp in tuner.oracle.get_space().space}
