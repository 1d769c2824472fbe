"""Everything random in a trial, from its seed alone: (seed, epoch) gives the same numbers in a resumed trial."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Stream(IntEnum):
    """Purposes whose random numbers must not depend on each other."""

    ORDER = 0
    LAYERS = 1
    WEIGHTS = 2


def derived_seed(seed: int, stream: Stream, *path: int) -> int:
    """A 31-bit seed for one purpose; `path` tells apart what shares it (epoch, position of a layer)."""
    return int(np.random.SeedSequence([seed, stream, *path]).generate_state(1)[0] >> 1)


def order_of_epoch(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """The order in which an epoch sees its images, shape (rows,)."""
    return np.random.default_rng([seed, Stream.ORDER, epoch]).permutation(rows)
