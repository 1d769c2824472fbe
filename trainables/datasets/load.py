"""The data of one trial: views on the node's decoded images."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.data import Data, Split
from trainables.datasets.cache import default_cache_dir
from trainables.datasets.catalogue import Catalogue, Size, Source, open_catalogue
from trainables.datasets.decoded import open_images
from trainables.datasets.find import checked_split, describe
from trainables.datasets.locate import locate
from trainables.datasets.settings import (
    check_data_settings,
    check_fractions,
    check_sample_size,
    image_size_of,
    sample_size_of,
)
from trainables.datasets.splits import at_most
from trainables.errors import TrainableError
from trainables.trial import Trial


def load_data(config: Mapping[str, object], trial: Trial) -> Data:
    """Train, validation and test of `config["dataset"]`, as `image_size`, the sizes and the fractions say.

    Greyscale images keep their one channel. `info` counts the splits before `sample_size` is applied. Decodes on
    the node's first call for this data set and size, and takes milliseconds afterwards.
    """
    asked = {name: (value,) for name, value in config.items()}
    check_data_settings(asked, None)
    source = locate(str(config["dataset"]), trial.data_dir)
    cache_dir = trial.cache_dir or default_cache_dir()
    catalogue = open_catalogue(source, cache_dir)
    trial.check_content(source.name, catalogue.fingerprint, source.where)
    fractions = (_fraction(config, split) for split in ("validation", "test"))
    rows = checked_split(source.name, catalogue, trial.split_seed, *fractions)
    info = describe(source, catalogue, rows)
    check_fractions(asked, info)
    sample_size = sample_size_of(config.get("sample_size"))
    check_sample_size(sample_size, len(rows.train), info.num_classes, info.name)
    size = _size(source, catalogue, image_size_of(config.get("image_size")))
    images = open_images(source, catalogue, size, cache_dir)
    most = sample_size_of(config.get("evaluation_size"))
    parts = (rows.train[:sample_size], at_most(rows.validation, most), at_most(rows.test, most))
    train, validation, test = (Split(images, catalogue.labels, index) for index in parts)
    return Data(train, validation, test, info)


def _fraction(config: Mapping[str, object], split: str) -> float | None:
    value = config.get(f"{split}_fraction")
    return float(value) if isinstance(value, int | float) else None


def _size(source: Source, catalogue: Catalogue, asked: Size | None) -> Size:
    if asked is not None:
        return asked
    if catalogue.image_shape is None:
        raise TrainableError(
            f"the images of '{source.name}' differ in size, from {catalogue.smallest[0]}x{catalogue.smallest[1]} to "
            f"{catalogue.largest[0]}x{catalogue.largest[1]} (height x width); expected image_size, for example 150."
        )
    return catalogue.smallest
