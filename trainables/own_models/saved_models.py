"""Makes sure that a saved model is the one that was measured: it is loaded again, and must give the test's outputs."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import tree

from trainables.data import Split
from trainables.engines.batches import first_inputs
from trainables.engines.contract import Evaluation
from trainables.errors import TrainableError
from trainables.own_models.model_files import LOAD_IT, line_of, with_weights, write

MOST_BYTES = 64 * 2**20
"""Number of bytes of the images on which a saved model is tried."""
_MOST_IMAGES_OF_BACKBONES = 16
"""Number of images on which a backbone is tried; each takes up to a second."""
_FLOAT32, _SHORTER = 1e-3, 5e-2
"""Largest difference, relative to the largest output, of models in single precision, and in shorter formats."""

_NAMING = {"name", "keras_history", "input_layers", "output_layers"}
"""Entries of a configuration that name layers."""

_proven: set[str] = set()
"""Configurations of whole models that this process has loaded again, without names and dropout rates."""


@dataclass(frozen=True)
class Measured:
    """The first examples of the test, and what the measured model gave for them."""

    split: Any
    outputs: Any
    rows: int
    """Number of examples, at most one batch of the test, because a model may look at its whole batch."""
    by_weights_alone: bool = False
    """Whether models of one configuration differ only in their weights, as those that the compiled program takes."""
    given: Any = None
    """The inputs, where they cannot be had again."""

    @classmethod
    def of(cls, split: Split, test: Evaluation, batch_size: int, *, by_weights_alone: bool) -> Measured:
        """Return the first examples of a test that went over the split in batches."""
        example_bytes = sum(array.nbytes for array in tree.flatten(first_inputs(split, 1)))
        rows = max(1, min(batch_size, len(split), MOST_BYTES // max(1, example_bytes)))
        outputs = tree.map_structure(lambda values: np.array(values[:rows]), test.outputs)
        return cls(split, outputs, rows, by_weights_alone)

    @classmethod
    def of_batches(cls, model: keras.Model, examples: Any, rows: int) -> Measured:
        """Return the first examples of a data set of Keras', which may give other batches the next time."""
        given = first_inputs(examples, rows)
        return cls(examples, tree.map_structure(np.asarray, model(given, training=False)), rows, given=given)

    def of_other(self, split: Split) -> Measured:
        """Return the same outputs with the images whose features were measured."""
        rows = max(1, min(self.rows, _MOST_IMAGES_OF_BACKBONES))
        outputs = tree.map_structure(lambda values: values[:rows], self.outputs)
        return Measured(split, outputs, rows, self.by_weights_alone)

    def inputs(self) -> Any:
        """Return the inputs of the first rows, as a model gets them."""
        return first_inputs(self.split, self.rows) if self.given is None else self.given


def save_checked(
    model: keras.Model, path: Path, measured: Measured, rebuild: Callable[[], keras.Model] | None = None
) -> None:
    """Save the model; raises TrainableError where the file does not hold the model that was measured.

    Keras loads it, and it runs on the first images of the test. Where models of one configuration differ in their
    weights only, that is done for the first of them; of later ones the weights are read back and compared to the bit.
    Where Keras makes no model or another one from the file, `rebuild` must make the measured one with its weights.
    """
    weights = model.get_weights()
    is_described = write(model, path)
    configuration = _configuration(path)
    if measured.by_weights_alone and configuration in _proven:
        _check_weights(path, weights)
        return
    loaded, error = _loaded(model, path) if is_described else (None, None)
    allowed = _allowed(model)
    difference = math.inf if loaded is None else _difference(loaded, measured)
    if difference <= allowed:
        _proven.add(configuration)
    elif loaded is not None and _difference(model, measured) > allowed and _is_random(model, measured):
        print("the model draws random numbers where it predicts: what it scores differs from call to call.")
    elif rebuild is not None and _difference(with_weights(rebuild(), path), measured) <= allowed:
        if loaded is not None:
            print("Keras makes another model from the file alone, with other outputs than those that were measured.")
            write(model, path, described=False)
        print(LOAD_IT)
    elif error is not None and rebuild is None:
        raise TrainableError(f"the saved model cannot be loaded again: {line_of(error)}") from error
    else:
        raise TrainableError(
            "the saved model gives other outputs than the one that was measured"
            f"{f' (they differ by {difference:.2g} of the largest)' if loaded is not None else ''}: something that it "
            "computes with is not saved with it. Expected layers whose state lies in their weights, or in what "
            "`save_own_variables` or `get_config` gives."
        )


def _configuration(path: Path) -> str:
    """Return what the file says of the network, without what it was compiled with, dropout rates and names.

    Keras numbers names through a whole process, and finds weights by the places of their layers.
    """
    with zipfile.ZipFile(path) as file:
        found = json.loads(file.read("config.json"))
    found.pop("compile_config", None)
    return json.dumps(_unnamed(found, {}))


def _unnamed(value: Any, numbers: dict[str, int], key: str = "") -> Any:
    """Return a part of a configuration with numbers for the names of layers, and no dropout rates."""
    if isinstance(value, dict):
        return {name: _unnamed(part, numbers, name) for name, part in value.items() if name != "rate"}
    if isinstance(value, list):
        return [_unnamed(part, numbers, key) for part in value]
    return numbers.setdefault(value, len(numbers)) if isinstance(value, str) and key in _NAMING else value


def _check_weights(path: Path, weights: list[Any]) -> None:
    """Check that the file holds each weight to the bit, where Keras puts it for all models of the configuration."""
    found: list[Any] = []
    with zipfile.ZipFile(path) as file, h5py.File(io.BytesIO(file.read("model.weights.h5"))) as stored:
        stored.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    if Counter(map(_content, weights)) - Counter(map(_content, found)):
        raise TrainableError("the saved model holds other weights than the one that was measured.")


def _content(values: Any) -> tuple[object, ...]:
    return (values.shape, str(values.dtype), values.tobytes())


def _loaded(model: keras.Model, path: Path) -> tuple[keras.Model | None, Exception | None]:
    """Return the model as Keras loads it, or else why it cannot."""
    own = {kind.__name__: kind for kind in _own_classes(model)}
    try:
        return _by_keras(path, own), None
    except Exception as error:  # A class of the user's own may raise anything.
        print(f"Keras cannot make the model from its file alone ({line_of(error)}).")
        return None, error


def _by_keras(path: Path, own: Mapping[str, type]) -> keras.Model:
    try:
        loaded = keras.models.load_model(path, own, compile=False)
    except ValueError as error:
        if "safe_mode" not in str(error):
            raise
        print("the model holds Python code of its own: keras.models.load_model(path, safe_mode=False) loads it.")
        loaded = keras.models.load_model(path, own, compile=False, safe_mode=False)
    if own:
        print(f"the model has classes of its own ({', '.join(sorted(own))}). {LOAD_IT}")
    return loaded


def _own_classes(model: keras.Model) -> Iterator[type]:
    """Yield the classes of the model and its layers that are not Keras' own."""
    kinds = {type(layer) for layer in model._flatten_layers()}
    return (kind for kind in kinds if kind.__module__.partition(".")[0] != "keras")


def _allowed(model: keras.Model) -> float:
    policies = {layer.dtype_policy.compute_dtype for layer in model._flatten_layers()}
    return _SHORTER if policies & {"float16", "bfloat16"} else _FLOAT32


def _difference(model: keras.Model, measured: Measured) -> float:
    """Return the largest difference from the measured outputs, relative to the largest of them, or to 1."""
    outputs = _outputs(model, measured)
    pairs = zip(tree.flatten(outputs), tree.flatten(measured.outputs), strict=True)
    return max(_apart(np.asarray(mine, float), np.asarray(theirs, float)) for mine, theirs in pairs)


def _outputs(model: keras.Model, measured: Measured) -> Any:
    return tree.map_structure(np.asarray, model(measured.inputs(), training=False))


def _is_random(model: keras.Model, measured: Measured) -> bool:
    once, again = (tree.flatten(_outputs(model, measured)) for _ in range(2))
    return any(not np.array_equal(*pair) for pair in zip(once, again, strict=True))


def _apart(mine: Any, theirs: Any) -> float:
    if mine.shape != theirs.shape:
        return float("inf")
    where = ~(np.isnan(mine) & np.isnan(theirs))  # What is no number in both, as for such an input, is the same.
    mine, theirs = mine[where], theirs[where]
    return float(np.max(np.abs(mine - theirs), initial=0.0) / max(1.0, np.max(np.abs(theirs), initial=0.0)))
