"""Turns what a user gives for an array into one of numbers or text, or refuses what would be changed by that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import TrainableError

_INPUT_KINDS = "fiubUS"
"""NumPy's kinds of numbers and text; the others are Python's objects, dates and complex numbers."""


def array_of(value: object, what: str, where: str) -> NDArray[Any]:
    """Return the value as an array of numbers, True and False, or text.

    Raises TrainableError for anything else, and where NumPy would change it: values behind a mask, numbers among text.
    """
    if np.ma.is_masked(value):
        raise TrainableError(f"{what} of {where} are partly hidden by a mask; expected all. Fill or drop them.")
    try:
        array = np.asarray(value)
        if array.dtype.kind in "OUS":
            array = _of_objects(array if hasattr(value, "dtype") else np.asarray(value, object))
    except ValueError:
        raise TrainableError(
            f"{what} of {where} are rows of different lengths, or no array; expected an array, one row an example. "
            "keras.utils.pad_sequences makes rows of numbers as long as each other."
        ) from None
    if array.dtype.kind not in _INPUT_KINDS or array.ndim == 0:
        raise TrainableError(
            f"{what} of {where} are {_kinds_of(value, array)}; expected an array of numbers or text, one row an "
            "example. Turn categories and dates into numbers first."
        )
    return array


_ALIKE: tuple[tuple[Any, type | None], ...] = (
    (str, str),
    (bytes, bytes),
    (int | float | np.number | np.bool_, None),
)
"""Kinds of Python's objects that make an array where all are of one, and its type, or None for that of the numbers."""


def _of_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Return Python's objects, or rows of them, as numbers or as text, where all are; any other array stays as it is.

    Raises ValueError for rows of different lengths.
    """
    if array.dtype.kind == "O" and any(isinstance(item, list | tuple | np.ndarray) for item in array.flat):
        found = np.asarray(array.tolist())
        array = np.asarray(array.tolist(), object) if found.dtype.kind in "OUS" else found
    if array.dtype.kind == "O" and array.size:
        for kinds, wanted in _ALIKE:
            if all(isinstance(item, kinds) for item in array.flat):
                return array if wanted and _ends_in_null(array) else np.asarray(array.tolist(), wanted)
    return array


def _ends_in_null(array: NDArray[Any]) -> bool:
    """Return whether a text ends in a null, which NumPy's arrays of text would drop, as of packed bytes."""
    return any(item[-1:] in ("\0", b"\0") for item in array.flat)


def _kinds_of(value: object, array: NDArray[Any]) -> str:
    """Return in words what was given in place of numbers or text."""
    if array.dtype.kind != "O":
        return f"{array.dtype} of shape {array.shape}"
    if array.ndim == 0:
        return f"a {type(value).__name__}"
    if all(isinstance(item, str | bytes) for item in array.flat) and _ends_in_null(array):
        return "text that ends in nulls, which NumPy would drop"
    return f"values of {' and '.join(sorted({type(item).__name__ for item in array.flat}))}"
