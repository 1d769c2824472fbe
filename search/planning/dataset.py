"""Finds the data set that a search uses: the one that is asked for, else the space's offline data set."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from search.errors import SearchError
from search.planning.options import Options
from search.space import Choice, Int, Parameter, Space
from trainables.errors import DatasetMissing, TrainableError
from trainables.trial import DatasetInfo, declaration_of

_SAMPLE_SIZE = "sample_size"

Warn = Callable[[str], None]


@dataclass(frozen=True)
class ChosenDataset:
    """The data set that a search uses, and its space adapted to that."""

    space: Space
    """The space with the name of the data set that is used, and with no sample size above what that has."""
    info: DatasetInfo | None
    """What the data set holds; None where the trainable takes no data, or does not declare how to find them."""
    asked: str | None
    """The data set that was asked for, where the offline fallback takes its place."""


def data_folder(options: Options) -> Path | None:
    """Return the folder of data sets and weights, None for Keras' cache; raises SearchError where it is missing."""
    text = os.environ.get("SEARCH_DATA_DIR")
    folder = options.data_dir or (Path(text) if text else None)
    if folder is not None and not folder.is_dir():
        where = "--data-dir" if options.data_dir else "SEARCH_DATA_DIR"
        raise SearchError(f"{where} names {folder}, which is not a folder; expected the folder of the data sets.")
    return folder


def choose_dataset(space: Space, options: Options, data_dir: Path | None, warn: Warn) -> ChosenDataset:
    """Find the data set that the space names; `warn` is told of what differs from that. Raises SearchError."""
    declaration = declaration_of(space.trainable)
    if declaration.find_dataset is None:
        if space.dataset is not None and declaration.metrics is not None:
            raise SearchError(f"the trainable takes no data set, and {space.dataset_name!r} is given; leave it out.")
        return ChosenDataset(space, None, None)
    if space.dataset is None:
        raise SearchError(
            "no data set is given; expected `dataset=` in the space, or --dataset NAME, like --dataset digits."
        )
    if callable(space.dataset):  # It is called where trials run.
        return ChosenDataset(space, None, None)
    try:
        info = _find(space, space.dataset, options, data_dir)
    except DatasetMissing as missing:
        if space.offline_dataset is None or options.dataset is not None:
            raise SearchError(str(missing)) from None
        warn(f"NOTE: {missing}")
        warn(f"NOTE: the space's offline data set {space.offline_dataset!r} IS SEARCHED INSTEAD of {space.dataset!r}.")
        return _fallback(space, space.offline_dataset, options, data_dir, warn)
    except TrainableError as error:
        raise SearchError(str(error)) from None
    return ChosenDataset(_capped(space, info.num_train, warn) if options.smoke else space, info, None)


def _fallback(space: Space, name: str, options: Options, data_dir: Path | None, warn: Warn) -> ChosenDataset:
    try:
        info = _find(space, name, options, data_dir)
    except TrainableError as error:
        raise SearchError(str(error)) from None
    return ChosenDataset(
        _capped(dataclasses.replace(space, dataset=info.name), info.num_train, warn), info, space.dataset_name
    )


def _find(space: Space, name: str, options: Options, data_dir: Path | None) -> DatasetInfo:
    find = declaration_of(space.trainable).find_dataset
    assert find is not None, "asked of a trainable that takes data only"
    return find(name, data_dir, options.seed or 0, space.settings())


def _capped(space: Space, most: int, warn: Warn) -> Space:
    """Return the space with sample sizes of at most `most`, all that the data set has; `warn` is told what is cut."""
    fixed = space.fixed.get(_SAMPLE_SIZE)
    if _is_count(fixed) and fixed != _at_most(fixed, most):
        warn(f"NOTE: {_SAMPLE_SIZE}={fixed} is cut to {most}, all that {space.dataset!r} has.")
        return space.pin(_SAMPLE_SIZE, most)
    parameter = space.parameters.get(_SAMPLE_SIZE) if space.declared else None
    if parameter is None or all(value == _at_most(value, most) for value in parameter.bounds()):
        return space
    warn(f"NOTE: {_SAMPLE_SIZE} ({parameter.describe()}) is cut to {most}, all that {space.dataset!r} has.")
    start = [
        {name: _at_most(value, most) if name == _SAMPLE_SIZE else value for name, value in one.items()}
        for one in space.start
    ]
    return dataclasses.replace(
        space, parameters={**space.parameters, _SAMPLE_SIZE: _cut(parameter, most)}, start=tuple(start)
    )


def _cut(parameter: Parameter, most: int) -> Parameter:
    if isinstance(parameter, Int) and parameter.step == 1 and parameter.low < most:
        return dataclasses.replace(parameter, high=most)
    values = parameter.values() or parameter.bounds()
    return Choice(*dict.fromkeys(_at_most(value, most) for value in values), when=parameter.when)


def _at_most(value: object, most: int) -> object:
    """Return a sample size, or `most` where that is less; 'all' and None are left as they are."""
    return min(value, most) if _is_count(value) else value


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
