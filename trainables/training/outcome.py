"""What a completed trial leaves: the test metrics, the test predictions, and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.training.chunks import chunks
from trainables.training.classes import class_columns
from trainables.training.initial_weights import Weights
from trainables.training.layers import Dropout, leaves, plain
from trainables.training.program import Program
from trainables.trial import Metrics, Trial


def finish(program: Program, data: Data, batch_size: int, trial: Trial) -> Metrics:
    """The last yield of a trial; registers how its model and predictions are saved, also after the program moved on."""
    loss, accuracy, probabilities = program.evaluate(chunks(data.test, batch_size), batch_size)
    trial.save_model = _model_writer(program.model, program.get_weights())
    names = data.info.class_names or tuple(str(number) for number in range(probabilities.shape[1]))
    trial.save_predictions = _predictions_writer(data.test, names, probabilities)
    trial.save_classes = _classes_writer(data.test, names, probabilities)
    labels = data.test.labels[data.test.index]
    return {
        "test_loss": loss,
        "test_accuracy": accuracy,
        "baseline_accuracy": float(np.bincount(labels).max() / len(labels)),
        "num_parameters": program.model.count_params(),
        "num_trainable_parameters": sum(int(np.prod(v.shape)) for v in program.model.trainable_variables),
        "sample_size": len(data.train),
    }


def _model_writer(model: keras.Model, weights: Weights) -> Callable[[Path], None]:
    rates = {layer.name: float(layer.rate_now.numpy()) for layer in leaves(model) if isinstance(layer, Dropout)}

    def write(path: Path) -> None:
        saved = plain(model, rates)
        saved.set_weights(weights)
        saved.save(path)

    return write


def _predictions_writer(
    test: Split, names: tuple[str, ...], probabilities: NDArray[np.float32]
) -> Callable[[Path], None]:
    """Columns: row, label, predicted, and probability_CLASS for every class, by name or number."""

    def write(path: Path) -> None:
        columns = {"row": test.index, "label": test.labels[test.index], "predicted": probabilities.argmax(axis=1)}
        columns |= {f"probability_{name}": probabilities[:, number] for number, name in enumerate(names)}
        _write_table(columns, path)

    return write


def _classes_writer(test: Split, names: tuple[str, ...], probabilities: NDArray[np.float32]) -> Callable[[Path], None]:
    return lambda path: _write_table(class_columns(test.labels[test.index], probabilities.argmax(axis=1), names), path)


def _write_table(columns: Mapping[str, Any], path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415  # takes 0.2 s, and most trials save no tables
    import pyarrow.parquet  # noqa: PLC0415  # likewise, only here

    pyarrow.parquet.write_table(pa.table(dict(columns)), path)
