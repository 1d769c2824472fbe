"""Keeps a trial on disk between two epochs: arrays in one .npz, plain values in one .json, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARRAYS, _VALUES = "arrays.npz", "values.json"


def write_checkpoint(folder: Path, arrays: Mapping[str, NDArray[np.generic]], values: Mapping[str, Any]) -> None:
    """Write both files into the folder, which is made if need be; the caller makes it appear as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _ARRAYS).open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(arrays))
    (folder / _VALUES).write_text(json.dumps(values))


def checkpoint_values(folder: Path) -> dict[str, Any]:
    """Return the plain values alone."""
    values: dict[str, Any] = json.loads((folder / _VALUES).read_text())
    return values


def read_checkpoint(folder: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """Return the arrays and the plain values."""
    with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
        return dict(arrays), checkpoint_values(folder)
