"""Examples of any kind as arrays, one row each: what a file or a function gives, checked and joined."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from trainables.data import Inputs
from trainables.datasets.arrays.given import array_of
from trainables.datasets.cache import cached, open_array
from trainables.datasets.catalogue import READING, Catalogue, digest
from trainables.datasets.names import shown
from trainables.errors import TrainableError
from trainables.trial import LabelForm

_LAYOUT = "examples.json"


@dataclass(frozen=True, eq=False)
class Examples:
    """All examples of a data set, from all published splits together."""

    inputs: Inputs
    targets: NDArray[Any]
    """Class numbers, shape (rows,), where there are `class_names`; else numbers as given, of single precision where
    they are fractions."""
    roles: NDArray[np.int8]
    """Role of each example as published: TRAIN, VALIDATION or TEST of `splits`."""
    class_names: tuple[str, ...]
    """Names of the classes; empty where the targets are not classes."""
    label_form: LabelForm = LabelForm.NUMBERS
    """Form in which the classes were given."""

    def fingerprint(self) -> str:
        """Return a digest of all inputs and targets, with their names, types and published splits."""
        arrays = self.inputs if isinstance(self.inputs, Mapping) else {"": self.inputs}
        named = {
            **{f"input {name}": array for name, array in arrays.items()},
            f"targets {self.label_form}": self.targets,
            "roles": self.roles,
        }
        parts = ((f"{name} {array.dtype.str} {array.shape}", array.tobytes()) for name, array in named.items())
        return digest(*self.class_names, *(part for pair in parts for part in pair))

    def catalogue(self, fingerprint: str) -> Catalogue:
        """Return what is known of the examples; none counts as a duplicate, since equal rows of a table need not be."""
        labels = self.targets if self.class_names else np.zeros(len(self.targets), np.int64)
        arrays = self.inputs if isinstance(self.inputs, Mapping) else {"": self.inputs}
        contents = np.arange(len(labels), dtype=np.int64)
        found = Catalogue(fingerprint, self.class_names, labels, self.roles, contents, label_form=self.label_form)
        if self.class_names and _is_images(self.inputs):
            size = arrays[""].shape[1:3]
            return replace(found, channels=arrays[""].shape[3], smallest=size, largest=size)
        return replace(found, input_shapes={name: array.shape[1:] for name, array in arrays.items()})


def _is_images(inputs: Inputs) -> bool:
    """Return whether they are what our networks take: grey or coloured images of 8 bits."""
    return (
        not isinstance(inputs, Mapping) and inputs.dtype == np.uint8 and inputs.ndim == 4 and inputs.shape[3] in (1, 3)
    )


def joined(parts: Mapping[int, tuple[object, object]], where: str) -> Examples:
    """Return the examples of the published splits (role -> inputs and targets) as one; raises TrainableError.

    Inputs are one array or a dict of named ones. Targets are classes where each row has one integer or text, or a
    single 1 among zeros; all others are numbers.
    """
    for x, y in parts.values():
        _check_single(x, y, where)
    inputs = [_named(x, where) for x, _ in parts.values()]
    targets = [_as_numbers(y, where) for _, y in parts.values()]
    for named, y in zip(inputs, targets, strict=True):
        _check_lengths(named, y, where)
    names = list(inputs[0])
    if any(list(named) != names for named in inputs):
        raise TrainableError(f"{where} has other inputs in one split than in another; expected the same in all.")
    arrays = {name: _together([named[name] for named in inputs], f"input '{name}'", where) for name in names}
    given = _together(targets, "the targets", where)
    numbers, class_names = _classes(given, where)
    roles = np.concatenate([np.full(len(y), role, np.int8) for role, y in zip(parts, targets, strict=True)])
    form = _form_of(given) if class_names else LabelForm.NUMBERS
    return Examples(arrays[""] if names == [""] else arrays, numbers, roles, class_names, form)


def write_examples(examples: Examples, folder: Path) -> None:
    """Write one .npy file for each array."""
    arrays = examples.inputs if isinstance(examples.inputs, Mapping) else {"": examples.inputs}
    for number, array in enumerate(arrays.values()):
        np.save(folder / f"input-{number}.npy", array)
    np.save(folder / "targets.npy", examples.targets)
    (folder / _LAYOUT).write_text(json.dumps(list(arrays)))


def open_examples(source: Any, catalogue: Catalogue, cache_dir: Path) -> tuple[Inputs, NDArray[Any]]:
    """Return inputs and targets of a source of arrays as memory maps, in the catalogue's order, written once a node."""
    entry = cached(
        cache_dir,
        f"examples-{READING}-{catalogue.fingerprint[:20]}",
        lambda folder: write_examples(source.examples(), folder),
    )
    names = json.loads((entry / _LAYOUT).read_text())
    arrays = {name: open_array(entry, f"input-{number}") for number, name in enumerate(names)}
    return arrays[""] if names == [""] else arrays, open_array(entry, "targets")


def _named(x: object, where: str) -> dict[str, NDArray[Any]]:
    if isinstance(x, Mapping):
        if not x:
            raise TrainableError(f"{where} gives no inputs; expected an array, or a dict of named ones.")
        return {str(name): _array(array, f"input '{name}'", where) for name, array in x.items()}
    return {"": _array(x, "the inputs", where)}


def _check_single(x: object, y: object, where: str) -> None:
    """Raise TrainableError for several targets, or for several inputs that have no names, which Keras takes as well."""
    rows = next((_length(one) for one in x.values()), 0) if isinstance(x, Mapping) else _length(x)
    if isinstance(y, Mapping) or (_is_list_of_arrays(y) and _length(y) != rows and {*map(_length, y)} == {rows}):
        raise TrainableError(
            f"{where} gives several targets; expected one array. For several, give training, validation and test as "
            "three tf.data or PyDataset of (x, y)."
        )
    if _is_list_of_arrays(x) and rows != _length(y) and {*map(_length, x)} == {_length(y)}:
        raise TrainableError(f"{where} gives several inputs in a list; expected a dict of them, by the model's names.")


def _is_list_of_arrays(given: object) -> TypeGuard[list[Any]]:
    return isinstance(given, list | tuple) and all(isinstance(one, np.ndarray) for one in given)


def _length(given: Any) -> int:
    try:
        return len(given) if np.iterable(given) and isinstance(given, Sized) else 0
    except TypeError:  # A sparse matrix of SciPy has rows, and no length.
        return 0


def _array(value: object, what: str, where: str) -> NDArray[Any]:
    """Return the value as an array of single-precision numbers, whole numbers or text."""
    array = array_of(value, what, where)
    return array.astype(np.float32) if array.dtype.kind in "fb" else array


def _as_numbers(targets: object, where: str) -> NDArray[Any]:
    """Return the targets with 0 and 1 for False and True, which are classes, and bytes as the text that they encode."""
    array = array_of(targets, "the targets", where)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "surrogateescape")
    return array.astype({"b": np.int64, "f": np.float32}.get(array.dtype.kind, array.dtype))


def _check_lengths(named: Mapping[str, NDArray[Any]], y: NDArray[Any], where: str) -> None:
    shapes = {**{name or "inputs": x.shape for name, x in named.items()}, "targets": y.shape}
    if len({shape[0] for shape in shapes.values()}) > 1 or not len(y):
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise TrainableError(f"{where} has {listed}; expected the same number of rows in all, and at least one.")


def _together(arrays: Sequence[NDArray[Any]], what: str, where: str) -> NDArray[Any]:
    shapes, kinds = {array.shape[1:] for array in arrays}, {array.dtype.kind in "US" for array in arrays}
    if len(shapes) > 1 or len(kinds) > 1:
        told = " and ".join(f"{array.dtype} {array.shape[1:]}" for array in arrays)
        raise TrainableError(f"{what} of {where} have rows of {told} in its splits; expected the same in all.")
    return np.concatenate(arrays)


def _classes(targets: NDArray[Any], where: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return class numbers and names, or else the targets unchanged and no names."""
    if targets.ndim == 2 and targets.shape[1] == 1 and targets.dtype.kind != "f":
        targets = targets[:, 0]
    if targets.dtype.kind in "US" and targets.ndim == 1:
        names, numbers = np.unique(targets, return_inverse=True)
        if len(names) < 2:
            raise TrainableError(
                f"the targets of {where} are all '{shown(str(names[0]))}'; expected two or more classes."
            )
        return numbers.astype(np.int64), tuple(shown(str(name)) for name in names)
    if targets.dtype.kind in "US":
        raise TrainableError(f"the targets of {where} are text of shape {targets.shape}; expected one class a row.")
    if _is_one_hot(targets):
        _check_every_unit(targets, where)
        targets = targets.argmax(axis=1)
    if targets.dtype.kind not in "iu" or targets.ndim != 1:
        return targets, ()
    return targets.astype(np.int64), numbered_classes(targets, where)


def numbered_classes(targets: NDArray[Any], where: str) -> tuple[str, ...]:
    """Return the names of classes that are given by whole numbers, which are their numbers.

    Raises TrainableError where these do not count two or more classes from 0 on.
    """
    least, largest = int(targets.min()), int(targets.max())
    counts = np.bincount(targets.astype(np.int64)) if least >= 0 and largest <= len(targets) else np.zeros(1)
    if not counts.all() or len(counts) < 2:
        raise TrainableError(
            f"the targets of {where} are whole numbers from {least} to {largest}, of which some have no example; "
            "expected two or more classes from 0 on, each with examples. Number them so or give names as text, or give "
            "numbers that are no classes as floating point."
        )
    return tuple(str(number) for number in range(len(counts)))


def _check_every_unit(targets: NDArray[Any], where: str) -> None:
    """Raise TrainableError for one-hot rows in which a class has no example."""
    empty = np.flatnonzero(~targets.any(axis=0))
    if len(empty):
        raise TrainableError(
            f"the targets of {where} are one-hot rows of {targets.shape[1]} classes, of which {len(empty)} have no "
            f"example, the first of them class {empty[0]}; expected examples of each. Leave such columns out."
        )


def _form_of(targets: NDArray[Any]) -> LabelForm:
    """Return the form of targets that are classes; those that are names count as numbers."""
    if targets.ndim == 1 or targets.dtype.kind in "US":
        return LabelForm.NUMBERS
    return LabelForm.COLUMN if targets.shape[1] == 1 else LabelForm.ONE_HOT


def _is_one_hot(targets: NDArray[Any]) -> bool:
    """Return whether every row has a single 1 and otherwise zeros."""
    if targets.ndim != 2 or targets.dtype.kind not in "iuf" or targets.shape[1] < 2:
        return False
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all())
