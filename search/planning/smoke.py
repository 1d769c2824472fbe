"""Cuts a space down to a smoke run, which shows whether every part of it works at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from search.errors import SearchError
from search.space import Choice, Parameter, Space, same, with_conditions
from trainables.errors import FileMissing, TrainableError
from trainables.trial import DatasetInfo, declaration_of

ARCHITECTURE = "network"
"""The parameter of which a smoke run tries every option."""
TRIALS = 2


def smoke_space(space: Space, shortest: Mapping[str, object], pinned: Collection[str] = ()) -> Space:
    """Return the space with its own `smoke` and `shortest` pinned, and two trials, or one for each architecture.

    What the user `pinned` stays as it is.
    """
    cut = dataclasses.replace(
        space, repeats=1, stopping="none", stopping_options={}, trials=TRIALS, start=(), population=None
    )
    for name, value in {**shortest, **space.smoke}.items():
        cut = cut if name in pinned else cut.pin(name, value)
    if not cut.declared or not isinstance(cut.parameters.get(ARCHITECTURE), Choice):
        return dataclasses.replace(cut, sampler="random")
    one_each = _one_per_architecture(cut)
    return dataclasses.replace(one_each, sampler="grid", trials=max(1, one_each.size() or 1))


def _one_per_architecture(space: Space) -> Space:
    """Return the space with the first value only of all other parameters, without those whose condition then fails."""
    kept: dict[str, Parameter] = {}
    for name, parameter in space.parameters.items():
        when = {parent: _left(kept, space, parent, values) for parent, values in parameter.when.items()}
        if all(when.values()):
            single = parameter if name == ARCHITECTURE else Choice(parameter.bounds()[0])
            kept[name] = with_conditions(single, when)
    return space.narrowed(kept)


def _left(kept: Mapping[str, Parameter], space: Space, parent: str, values: tuple[object, ...]) -> tuple[object, ...]:
    """Return those of a condition's values that its parent can still have."""
    if parent in space.fixed:
        possible: tuple[object, ...] = (space.fixed[parent],)
    elif parent in kept:
        possible = tuple(kept[parent].values() or ())
    else:
        possible = ()
    return tuple(value for value in values if any(same(value, option) for option in possible))


def with_files_at_hand(
    space: Space, dataset: DatasetInfo | None, data_dir: Path | None, warn: Callable[[str], None]
) -> Space:
    """Return the space with settings that need no missing file; `warn` is told which. Raises SearchError."""
    try:
        declaration_of(space.trainable).check_files(space.settings(), dataset, data_dir)
    except FileMissing as missing:
        warn(f"NOTE: {missing}")
        for name, value in missing.instead.items():
            warn(f"NOTE: this smoke run takes {name}={value} instead.")
            space = space.pin(name, value)
    except TrainableError as error:
        raise SearchError(str(error)) from None
    return space
