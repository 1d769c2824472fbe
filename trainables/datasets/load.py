"""Loads the data of one trial: views on the node's decoded images or arrays, or what a function gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Inputs, Split
from trainables.datasets.arrays.examples import Examples, open_examples
from trainables.datasets.arrays.functions import DataFunction, call, name_of, without_a_batch
from trainables.datasets.cache import default_cache_dir
from trainables.datasets.catalogue import Catalogue, Size, Source, open_catalogue
from trainables.datasets.decoded import open_images
from trainables.datasets.find import checked_split, describe
from trainables.datasets.locate import locate
from trainables.datasets.settings import (
    check_data_settings,
    check_no_image_size,
    image_size_of,
    sample_size_of,
)
from trainables.datasets.splits import at_most
from trainables.errors import TrainableError
from trainables.trial import DatasetInfo, Origin, Settings, Trial

_ENDLESS = -1
"""Number of batches that tf.data tells of a data set that repeats for ever."""


class Named(NamedTuple):
    """A catalogue, and the name of its data set."""

    name: str
    where: str
    catalogue: Catalogue
    by_function: bool = False


def load_data(config: Mapping[str, object], trial: Trial, whole: Mapping[str, object] | None = None) -> Data:
    """Return the training, validation and test data of `config["dataset"]`, as the configuration says.

    `image_size`, `sample_size` and the fractions are followed; greyscale images keep their one channel. `info` counts
    the splits before `sample_size` is applied. The node's first call for this data set and size decodes it, later ones
    take milliseconds. A function in place of a name is called with the configuration and the trial, in every trial;
    `whole` is that configuration where `config` is only the part of it that concerns the data.
    """
    check_data_settings({name: (value,) for name, value in config.items()}, None)
    dataset = config.get("dataset")
    if dataset is None:
        raise TrainableError("no data set is given, and the trainable takes one. Add dataset=... to the space.")
    if callable(dataset):
        return _from_function(dataset, config, trial, config if whole is None else whole)
    source = locate(str(dataset), trial.data_dir)
    cache_dir = trial.cache_dir or default_cache_dir()
    catalogue = open_catalogue(source, cache_dir)
    trial.check_content(source.name, catalogue.fingerprint, source.where)
    arrays = _arrays(source, catalogue, config.get("image_size"), cache_dir)
    return _divided(arrays, Named(source.name, source.where, catalogue), config, trial)


def open_data(name: str, data_dir: Path | None, settings: Settings) -> None:
    """Decode a data set into this node's cache, where the settings leave it only one size."""
    sizes = settings.get("image_size", (None,))
    if len(sizes) == 1:
        source, cache_dir = locate(name, data_dir), default_cache_dir()
        _arrays(source, open_catalogue(source, cache_dir), sizes[0], cache_dir)


def _arrays(source: Source, catalogue: Catalogue, size: object, cache_dir: Path) -> tuple[Inputs, NDArray[Any]]:
    """Return all inputs and targets; images at the size that is asked for, or else their own."""
    if catalogue.input_shapes:
        return open_examples(source, catalogue, cache_dir)
    return open_images(source, catalogue, _size(source, catalogue, image_size_of(size)), cache_dir), catalogue.labels


def _divided(arrays: tuple[Inputs, NDArray[Any]], found: Named, config: Mapping[str, object], trial: Trial) -> Data:
    """Return the splits of inputs and targets that lie in the catalogue's order."""
    fractions = (_fraction(config, split) for split in ("validation", "test"))
    rows = checked_split(found.name, found.catalogue, trial.split_seed, *fractions)
    info = describe(found.name, found.where, found.catalogue, rows, by_function=found.by_function)
    check_data_settings({name: (value,) for name, value in config.items()}, info)
    sample_size = sample_size_of(config.get("sample_size"))
    most = sample_size_of(config.get("evaluation_size"))
    parts = (rows.train[:sample_size], at_most(rows.validation, most), at_most(rows.test, most))
    if trial.refits:
        parts = (np.concatenate(parts[:2]), *parts[1:])
    train, validation, test = (Split(*arrays, index) for index in parts)
    return Data(train, validation, test, info)


def _from_function(
    function: DataFunction, config: Mapping[str, object], trial: Trial, whole: Mapping[str, object]
) -> Data:
    given, name = call(function, whole, trial), name_of(function)
    check_no_image_size({"image_size": (config.get("image_size"),)}, name)
    if isinstance(given, Examples):
        fingerprint = trial.facts["data_fingerprint"] = given.fingerprint()
        found = Named(name, name, given.catalogue(fingerprint), by_function=True)
        return _divided((given.inputs, given.targets), found, config, trial)
    for setting in ("sample_size", "evaluation_size", "validation_fraction", "test_fraction"):
        if config.get(setting) is not None:
            raise TrainableError(
                f"{setting} is set and {name} gives no arrays that could be divided; expected none. Give it another "
                f"name, and read that in {name}."
            )
    if trial.refits:
        raise TrainableError(
            f"{name} gives batches for training and for validation, which are not joined here; expected arrays. "
            "Train its model on both by a program of your own."
        )
    num_train, num_validation, num_test = (_size_of(part) for part in given)
    info = DatasetInfo(name, name, "", num_train, num_validation, num_test, 0, None, origin=Origin.FUNCTION)
    return Data(*given, info)


def _fraction(config: Mapping[str, object], split: str) -> float | None:
    value = config.get(f"{split}_fraction")
    return float(value) if isinstance(value, int | float) else None


def _size_of(part: Any) -> int:
    """Return how many batches a data set of Keras' says it has, 0 where it does not know.

    Raises TrainableError for an endless one, for one of single examples, and for one that says it is empty.
    """
    told = getattr(part, "num_batches", 0)  # None where a PyDataset has no end.
    if told is None or (hasattr(part, "cardinality") and int(part.cardinality()) == _ENDLESS):
        raise TrainableError(
            f"the function gives a {type(part).__name__} that is endless; expected an end. Leave `repeat` out."
        )
    spec = getattr(part, "element_spec", ())
    if any(getattr(one, "shape", None) == () for one in _leaves(spec[:2] if isinstance(spec, tuple) else spec)):
        raise TrainableError(
            f"the function gives a {type(part).__name__} of single examples; expected batches of them. End it with "
            "`.batch(32)`, for example."
        )
    try:
        size = len(part)
    except TypeError:
        return int(told)
    if size == 0:
        raise without_a_batch(part)
    return size


def _leaves(spec: Any) -> Iterator[Any]:
    """Yield what tf.data says of each of the arrays in a batch."""
    inner = spec.values() if isinstance(spec, Mapping) else spec if isinstance(spec, tuple | list) else None
    if inner is None:
        yield spec
    else:
        for one in inner:
            yield from _leaves(one)


def _size(source: Source, catalogue: Catalogue, asked: Size | None) -> Size:
    if asked is not None:
        return asked
    if catalogue.image_shape is None:
        raise TrainableError(
            f"the images of '{source.name}' differ in size, from {catalogue.smallest[0]}x{catalogue.smallest[1]} to "
            f"{catalogue.largest[0]}x{catalogue.largest[1]} (height x width); expected image_size, for example 150."
        )
    return catalogue.smallest
