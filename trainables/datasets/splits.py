"""Decides which images train, which select and which test, by labels, content and a seed, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

TRAIN, VALIDATION, TEST = 0, 1, 2
"""Roles of an image in the data set as published."""

PUBLISHED_VALIDATION_FRACTION = 1 / 6
"""Share of the training images where the test set is published: 10,000 of MNIST's 60,000."""
CARVED_FRACTION = 0.2
"""Share of all images, for validation and for test each, where nothing is published."""


@dataclass(frozen=True)
class SplitRows:
    """Three disjoint sets of rows; the first k rows of `train` are a stratified sample for every k."""

    train: Rows
    validation: Rows
    test: Rows
    num_removed: int
    """Number of images left out of training or validation because validation or test holds the same content."""


def split_rows(
    labels: NDArray[np.int64],
    roles: NDArray[np.int8],
    contents: NDArray[np.int64],
    seed: int,
    *,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
) -> SplitRows:
    """Return splits; those that are not published are taken from the training images, each class in proportion.

    `contents` holds the same number for identical images. A published test set stays whole: then `test_fraction` is not
    used, and `validation_fraction` is a share of the training images. Otherwise both are shares of all images.
    """
    pool, validation, test = (np.flatnonzero(roles == role) for role in (TRAIN, VALIDATION, TEST))
    before = len(labels)
    size = len(pool)
    default_fraction = PUBLISHED_VALIDATION_FRACTION if len(test) else CARVED_FRACTION
    if not len(test):
        num_test = round(size * (CARVED_FRACTION if test_fraction is None else test_fraction))
        test, pool = _carve(labels, pool, num_test, np.random.default_rng([seed, TEST]))
    pool = _without(pool, test, contents)
    if len(validation):
        validation = _without(validation, test, contents)
    else:
        num_validation = round(size * (default_fraction if validation_fraction is None else validation_fraction))
        validation, pool = _carve(labels, pool, num_validation, np.random.default_rng([seed, VALIDATION]))
    pool = _without(pool, validation, contents)
    train = stratified_order(labels, pool, np.random.default_rng([seed, TRAIN]))
    for rows in (train, validation, test):
        rows.flags.writeable = False  # All trials share them.
    return SplitRows(train, validation, test, before - len(train) - len(validation) - len(test))


def stratified_order(labels: NDArray[np.int64], rows: Rows, rng: np.random.Generator) -> Rows:
    """Return the rows in a random order in which every prefix holds each class in proportion, and each class early.

    Every class spreads its rows evenly over the unit interval; the first row of each class comes before all others.
    """
    shuffled = rng.permutation(rows)
    position = np.empty(len(rows))
    for label in np.unique(labels[shuffled]):
        mine = np.flatnonzero(labels[shuffled] == label)
        position[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        position[mine[0]] = 0.0
    return shuffled[np.argsort(position, kind="stable")]


def at_most(rows: Rows, size: int | None) -> Rows:
    """Return up to `size` of the rows, evenly spaced, so that rows in the order of their classes keep every class."""
    return rows if size is None else rows[:: -(-len(rows) // size)]


def _carve(labels: NDArray[np.int64], rows: Rows, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return `count` stratified rows, and the rest."""
    order = stratified_order(labels, rows, rng)
    return order[:count], order[count:]


def _without(rows: Rows, others: Rows, contents: NDArray[np.int64]) -> Rows:
    """Return the rows whose content none of the others has."""
    return rows[~np.isin(contents[rows], contents[others])]
