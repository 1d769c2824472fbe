"""Compiled programs that a process keeps for later trials of the same structure."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from trainables.compiled.program import Program

MOST_PROGRAMS = 8
MOST_PARAMETERS = 50_000_000
"""Number of parameters of all kept programs together; each takes up to 20 bytes with its gradient's history."""

_kept: OrderedDict[Hashable, Program] = OrderedDict()


@contextmanager
def program_for(structure: Hashable, build: Callable[[], Program]) -> Iterator[Program]:
    """Yield the kept program of this structure, or else a new one. While one trial holds it, no other gets it."""
    program = _kept.pop(structure, None) or build()
    try:
        yield program
    finally:
        _kept[structure] = program
        _drop_oldest()


def kept_structures() -> list[Hashable]:
    """Return the structures of the kept programs; the one used last is at the end."""
    return list(_kept)


def _drop_oldest() -> None:
    dropped = False
    while len(_kept) > MOST_PROGRAMS or (len(_kept) > 1 and _parameters() > MOST_PARAMETERS):
        _kept.popitem(last=False)
        dropped = True
    if dropped:
        gc.collect()  # A model and its functions refer to each other, so only the garbage collector frees them.


def _parameters() -> int:
    return sum(program.model.count_params() for program in _kept.values())
