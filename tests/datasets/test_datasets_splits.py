"""Which image trains, selects and tests."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.datasets.splits import TEST, TRAIN, VALIDATION, SplitRows, at_most, split_rows


def unbalanced(num: int = 1000) -> NDArray[np.int64]:
    """Labels of three classes that hold 60, 30 and 10 %."""
    return np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [num * 6 // 10, num * 3 // 10, num // 10]))


def split(labels: NDArray[np.int64], seed: int = 0, **fractions: float) -> SplitRows:
    return split_rows(labels, np.zeros(len(labels), np.int8), np.arange(len(labels)), seed, **fractions)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_splits_share_no_row_and_leave_none_out(seed: int) -> None:
    rows = split(unbalanced(), seed)
    together = np.concatenate([rows.train, rows.validation, rows.test])
    assert sorted(together) == list(range(1000))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (600, 200, 200)


def test_every_split_holds_each_class_in_proportion() -> None:
    labels = unbalanced()
    rows = split(labels)
    for part in (rows.train, rows.validation, rows.test):
        expected = np.array([0.6, 0.3, 0.1]) * len(part)
        assert np.abs(np.bincount(labels[part]) - expected).max() <= 2


@pytest.mark.parametrize("size", [3, 10, 50, 100, 400])
def test_every_sample_size_is_inside_the_next_and_holds_each_class_in_proportion(size: int) -> None:
    labels = unbalanced()
    train = split(labels).train
    assert set(train[:size]) < set(train[: size + 100])
    counts = np.bincount(labels[train[:size]], minlength=3)
    assert counts.min() >= 1
    assert np.abs(counts - np.array([0.6, 0.3, 0.1]) * size).max() <= 2


def test_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    labels = unbalanced()
    assert np.array_equal(split(labels, 3).train, split(labels, 3).train)
    assert not np.array_equal(split(labels, 3).test, split(labels, 4).test)


def test_published_test_set_stays_whole_and_validation_is_a_sixth_of_the_rest() -> None:
    labels = unbalanced(700)
    roles = np.where(np.arange(700) < 600, TRAIN, TEST).astype(np.int8)
    rows = split_rows(labels, roles, np.arange(700), 0)
    assert np.array_equal(rows.test, np.arange(600, 700))
    assert len(rows.validation) == 100
    assert len(rows.train) == 500


def test_published_validation_set_stays_whole() -> None:
    roles = np.repeat([TRAIN, VALIDATION, TEST], [60, 20, 20]).astype(np.int8)
    rows = split_rows(np.arange(100) % 2, roles, np.arange(100), 0)
    assert np.array_equal(rows.validation, np.arange(60, 80))
    assert sorted(rows.train) == list(range(60))


def test_fractions_are_of_all_images() -> None:
    rows = split(unbalanced(), validation_fraction=0.1, test_fraction=0.25)
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (650, 100, 250)


def test_larger_validation_split_leaves_the_test_split_as_it_was() -> None:
    small, large = (split(unbalanced(), validation_fraction=fraction) for fraction in (0.1, 0.3))
    assert np.array_equal(small.test, large.test)


def test_identical_images_never_stand_in_two_splits() -> None:
    contents = np.arange(1000) // 2  # every image occurs twice
    rows = split_rows(unbalanced(), np.zeros(1000, np.int8), contents, 0)
    of_test, of_validation, of_train = (set(contents[part]) for part in (rows.test, rows.validation, rows.train))
    assert not of_test & of_validation
    assert not of_test & of_train
    assert not of_validation & of_train
    assert rows.num_removed == 1000 - len(rows.train) - len(rows.validation) - len(rows.test) > 0


def test_few_evaluation_images_keep_every_class_of_rows_in_order() -> None:
    rows = np.arange(1000)
    few = at_most(rows, 30)
    assert set(np.bincount(np.repeat(np.arange(10), 100)[few])) <= {2, 3}
    assert len(at_most(rows, 999)) <= 999
    assert len(at_most(rows, 1000)) == len(at_most(rows, None)) == 1000
