"""What a data set holds, known on the driver before anything is trained, without a training framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from trainables.datasets.cache import default_cache_dir
from trainables.datasets.catalogue import Catalogue, Source, open_catalogue
from trainables.datasets.locate import locate
from trainables.datasets.settings import fractions_of
from trainables.datasets.splits import TEST, VALIDATION, SplitRows, split_rows
from trainables.errors import TrainableError
from trainables.trial import DatasetInfo


def find_dataset(
    name: str, data_dir: Path | None, split_seed: int, settings: Mapping[str, Sequence[object]] | None = None
) -> DatasetInfo:
    """What the data set `name` holds, and how its images are divided by the fractions that the settings fix.

    Looks at every image the first time, and in the node's cache afterwards. Raises DatasetMissing where there is
    none, TrainableError for data that cannot be trained on.
    """
    source = locate(name, data_dir)
    catalogue = open_catalogue(source, default_cache_dir())
    return describe(source, catalogue, checked_split(name, catalogue, split_seed, *fractions_of(settings or {})))


@lru_cache(maxsize=8)
def checked_split(
    name: str,
    catalogue: Catalogue,
    seed: int,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
) -> SplitRows:
    """The three splits; raises TrainableError when a class is missing from one of them.

    Remembered, since a warm worker asks for the same split in every trial.
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


def describe(source: Source, catalogue: Catalogue, rows: SplitRows) -> DatasetInfo:
    """The facts of one split of one data set."""
    notes = list(catalogue.notes)
    if rows.num_removed:
        notes.append(
            f"{rows.num_removed} images of '{source.name}' were left out of training or validation "
            "because validation or test hold the same image"
        )
    parts = {"train": rows.train, "validation": rows.validation, "test": rows.test}
    num_classes = len(catalogue.class_names)
    counts = {part: np.bincount(catalogue.labels[members], minlength=num_classes) for part, members in parts.items()}
    return DatasetInfo(
        name=source.name,
        source=source.where,
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
        class_counts={part: tuple(count.tolist()) for part, count in counts.items()},
    )
