"""Maps a function over many items with all cores, in order, with a bounded number of items in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")
_BATCH = 16
"""Number of items that one thread takes at a time: handing over a small photograph costs a third of decoding it."""


def in_threads(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Yield the results in the order of the items, from threads: Pillow decodes and resizes without Python's lock."""
    num_threads = len(os.sched_getaffinity(0))
    remaining = iter(items)
    running: deque[Future[list[_R]]] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        while True:
            while len(running) < 3 * num_threads and (batch := list(islice(remaining, _BATCH))):
                running.append(pool.submit(lambda batch: [function(item) for item in batch], batch))
            if not running:
                return
            yield from running.popleft().result()
