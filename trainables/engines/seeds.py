"""Derives everything random in a trial from its seed: (seed, epoch) gives the same numbers in a resumed trial."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Stream(IntEnum):
    """Purposes whose random numbers must not depend on each other."""

    ORDER = 0
    LAYERS = 1
    WEIGHTS = 2
    MIXING = 3


def derived_seed(seed: int, stream: Stream, *path: int) -> int:
    """Return a 31-bit seed for one purpose; `path` (epoch, position of a layer) tells apart what shares the purpose."""
    return int(np.random.SeedSequence([seed, stream, *path]).generate_state(1)[0] >> 1)


def order_of_epoch(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """Return the order in which an epoch sees its images, shape (rows,)."""
    return np.random.default_rng([seed, Stream.ORDER, epoch]).permutation(rows)
