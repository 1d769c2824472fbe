"""What a completed trial leaves behind: the test metrics, the test predictions, and the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.compiled.eligible import is_its_weights
from trainables.data import Data, Split
from trainables.engines.classes import class_columns
from trainables.engines.contract import COMPILED, Engine, Evaluation, evaluation_batch
from trainables.engines.initial_weights import Weights
from trainables.engines.layers import Dropout, leaves, plain
from trainables.own_models.choice import OwnModel
from trainables.own_models.model_files import add_about
from trainables.own_models.saved_models import Measured, save_checked
from trainables.settings.image import ImageSettings
from trainables.training.tables import write_table
from trainables.trial import Metrics, Trial


def finish(
    engine: Engine,
    data: Data,
    settings: ImageSettings,
    trial: Trial,
    *,
    own: OwnModel | None = None,
    writer: Callable[[Measured], Callable[[Path], None]] | None = None,
) -> Metrics:
    """Return the test metrics, the last yield of a trial, and register how its model and predictions are saved.

    They can be saved even after the engine has gone on to another trial. The model that is saved is `own`, the user's
    model, or what `writer` writes, or else the network of the engine, made of Keras' own layers.
    """
    batch_size = evaluation_batch(settings, engine.model)
    test = engine.evaluation(data.test, batch_size)
    if isinstance(data.test, Split):
        by_weights = own is None or engine.name == COMPILED or is_its_weights(own.model)
        measured = Measured.of(data.test, test, batch_size, by_weights_alone=by_weights)
    else:
        measured = Measured.of_batches(engine.model, data.test, batch_size)
    counted = {"sample_size": len(data.train)} if isinstance(data.train, Split) else {}
    trial.save_model = writer(measured) if writer else _model_writer(engine.model, engine.get_weights(), measured, own)
    return {**_test_metrics(test, data, trial), **sizes(engine.model), **counted}


def _test_metrics(test: Evaluation, data: Data, trial: Trial) -> Metrics:
    metrics = {f"test_{name}": value for name, value in test.metrics.items()}
    if test.probabilities is None:
        return metrics
    names = data.info.class_names or tuple(str(number) for number in range(test.probabilities.shape[1]))
    trial.save_predictions = _predictions_writer(data.test, names, test.probabilities)
    trial.save_classes = _classes_writer(data.test, names, test.probabilities)
    labels = data.test.labels[data.test.index]
    return {**metrics, "baseline_accuracy": float(np.bincount(labels).max() / len(labels))}


def known_sizes(model: keras.Model) -> Metrics:
    """Return the same as `sizes` before training; nothing of a model that makes its weights when it is first called."""
    return sizes(model) if model.built else {}


def sizes(model: keras.Model) -> Metrics:
    """Return the numbers of parameters of a model, all and those that train."""
    trained = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    return {"num_parameters": model.count_params(), "num_trainable_parameters": trained}


def _model_writer(
    model: keras.Model, weights: Weights, measured: Measured, own: OwnModel | None
) -> Callable[[Path], None]:
    rates = {layer.name: float(layer.rate_now.numpy()) for layer in leaves(model) if isinstance(layer, Dropout)}

    def write(path: Path) -> None:
        saved = plain(model, rates) if own is None else own.model
        saved.set_weights(weights)
        save_checked(saved, path, measured, own.rebuild if own else None)
        if own is not None:
            add_about(path, own.about)

    return write


def _predictions_writer(
    test: Split, names: tuple[str, ...], probabilities: NDArray[np.float32]
) -> Callable[[Path], None]:
    """Return what writes the columns row, label, predicted, and one probability_CLASS for each class name or number."""

    def write(path: Path) -> None:
        columns = {"row": test.index, "label": test.labels[test.index], "predicted": probabilities.argmax(axis=1)}
        columns |= {f"probability_{name}": probabilities[:, number] for number, name in enumerate(names)}
        write_table(columns, path)

    return write


def _classes_writer(test: Split, names: tuple[str, ...], probabilities: NDArray[np.float32]) -> Callable[[Path], None]:
    return lambda path: write_table(class_columns(test.labels[test.index], probabilities.argmax(axis=1), names), path)
