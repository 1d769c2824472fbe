"""Finds what a data set holds, on the driver, before training and without a training framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from trainables.datasets.cache import default_cache_dir
from trainables.datasets.catalogue import Catalogue, open_catalogue
from trainables.datasets.locate import locate
from trainables.datasets.names import shown
from trainables.datasets.settings import fractions_of
from trainables.datasets.splits import TEST, VALIDATION, SplitRows, split_rows
from trainables.errors import TrainableError
from trainables.trial import DatasetInfo, Origin


def find_dataset(
    name: str, data_dir: Path | None, split_seed: int, settings: Mapping[str, Sequence[object]] | None = None
) -> DatasetInfo:
    """Return what the data set `name` holds, and how it is split by the fractions that the settings fix.

    Looks at every image the first time, and in the node's cache afterwards. Raises DatasetMissing where there is no
    such data set, and TrainableError for data that cannot be trained on.
    """
    source = locate(name, data_dir)
    catalogue = open_catalogue(source, default_cache_dir())
    return describe(
        source.name, source.where, catalogue, checked_split(name, catalogue, split_seed, *fractions_of(settings or {}))
    )


def find_images(
    name: str, data_dir: Path | None, split_seed: int, settings: Mapping[str, Sequence[object]] | None = None
) -> DatasetInfo:
    """Return what a data set of images holds; raises TrainableError for other data, which our networks cannot use."""
    info = find_dataset(name, data_dir, split_seed, settings)
    if info.input_shapes:
        raise no_images(info)
    return info


def no_images(info: DatasetInfo) -> TrainableError:
    """Return the error that says what to do with data that are not images."""
    shapes = ", ".join(f"{name} {shape}".strip() for name, shape in info.input_shapes.items()) or "of its own"
    return TrainableError(
        f"'{info.name}' gives rows of shape {shapes}, and the image classifier's own networks take images of 8 bits, "
        "shape (height, width, channels), with whole-number labels. Write your own network, with train_with(build)."
    )


@lru_cache(maxsize=8)
def checked_split(
    name: str,
    catalogue: Catalogue,
    seed: int,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
) -> SplitRows:
    """Return the three splits; raises TrainableError when a class is missing from one of them.

    They are remembered, since a warm worker asks for the same splits in every trial.
    """
    rows = split_rows(
        catalogue.labels,
        catalogue.roles,
        catalogue.contents,
        seed,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )
    for split, members in (("training", rows.train), ("validation", rows.validation), ("test", rows.test)):
        if not len(members):
            raise TrainableError(
                f"'{name}' has {len(catalogue.labels)} examples ({len(np.unique(catalogue.contents))} different ones), "
                f"which leave none for the {split} split; expected some in training, validation and test. "
                "Add examples, or change validation_fraction or test_fraction."
            )
        counts = np.bincount(catalogue.labels[members], minlength=len(catalogue.class_names))
        if not counts.all():
            label = int(np.argmin(counts))
            total = int((catalogue.labels == label).sum())
            raise TrainableError(
                f"class '{catalogue.class_names[label]}' of '{name}' ({total} images in all) is missing from "
                f"the {split} split ({len(members)} images); expected every class in training, validation and test. "
                "Add images of it, remove the class, or change validation_fraction or test_fraction."
            )
    return rows


def describe(name: str, where: str, catalogue: Catalogue, rows: SplitRows, *, by_function: bool = False) -> DatasetInfo:
    """Return the facts about a data set with these splits; `by_function`: a function gives it."""
    notes = [*catalogue.notes, *_of_several_classes(name, catalogue)]
    if rows.num_removed:
        notes.append(
            f"{rows.num_removed} images of '{name}' were left out of training or validation "
            "because validation or test hold the same image"
        )
    parts = {"train": rows.train, "validation": rows.validation, "test": rows.test}
    num_classes = len(catalogue.class_names)
    of_files = Origin.PICTURES if catalogue.members else Origin.ARRAYS
    counts = {part: np.bincount(catalogue.labels[members], minlength=num_classes) for part, members in parts.items()}
    return DatasetInfo(
        name=name,
        source=where,
        fingerprint=catalogue.fingerprint,
        num_train=len(rows.train),
        num_validation=len(rows.validation),
        num_test=len(rows.test),
        num_classes=num_classes,
        image_shape=catalogue.image_shape,
        class_names=catalogue.class_names,
        notes=tuple(notes),
        published_test=bool((catalogue.roles == TEST).any()),
        published_validation=bool((catalogue.roles == VALIDATION).any()),
        class_counts={part: tuple(count.tolist()) for part, count in counts.items()} if num_classes else {},
        input_shapes=catalogue.input_shapes,
        label_form=catalogue.label_form,
        origin=Origin.FUNCTION if by_function else of_files,
    )


def _of_several_classes(name: str, catalogue: Catalogue) -> list[str]:
    """Return a note where identical images have different classes, of which at most one can be right."""
    if catalogue.contents.max(initial=-1) + 1 == len(catalogue.contents):  # All are different, as mostly.
        return []
    least = np.full(len(catalogue.contents), len(catalogue.class_names))
    largest = np.full(len(catalogue.contents), -1)
    np.minimum.at(least, catalogue.contents, catalogue.labels)
    np.maximum.at(largest, catalogue.contents, catalogue.labels)
    rows = np.flatnonzero((least < largest)[catalogue.contents])
    if not len(rows):
        return []
    alike = rows[catalogue.contents[rows] == catalogue.contents[rows[0]]]
    other = alike[catalogue.labels[alike] != catalogue.labels[rows[0]]][0]
    first, second = (_called(catalogue, row) for row in (rows[0], other))
    return [
        f"{len(rows):,} images of '{name}' are in more than one class, as {first} and {second}, which are identical"
    ]


def _called(catalogue: Catalogue, row: int) -> str:
    """Return the path of an image, or else its number and class."""
    if catalogue.members:
        return shown(catalogue.members[row])
    return f"number {row} of class '{catalogue.class_names[catalogue.labels[row]]}'"
