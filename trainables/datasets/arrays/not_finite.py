"""Says in the error of a trial that diverged that its data hold values that are no numbers, or infinite ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from trainables.data import Data, Split
from trainables.errors import TrialDiverged


@contextmanager
def values_told(data: Data) -> Iterator[None]:
    """Add to a TrialDiverged from the block how many rows hold such values, which may be its cause."""
    try:
        yield
    except TrialDiverged as error:
        for name, split in (("training", data.train), ("validation", data.validation)):
            if rows := _rows(split):
                raise TrialDiverged(
                    f"{error}; {rows:,} of {len(split):,} {name} rows of '{data.info.name}' hold nan or infinity: fill "
                    "them in, or drop them"
                ) from error
        raise


def _rows(split: Any) -> int:
    """Return the number of rows of which an input or a target is no finite number; 0 for batches that are no arrays."""
    if not isinstance(split, Split):
        return 0
    inputs, targets = split.rows(split.index)
    arrays = [*(inputs.values() if isinstance(inputs, Mapping) else [inputs]), targets]
    odd = np.zeros(len(split), bool)
    for array in arrays:
        if array.dtype.kind == "f":
            odd |= ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    return int(odd.sum())
