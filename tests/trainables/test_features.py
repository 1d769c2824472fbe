"""Cached features: shared by trials, sample sizes and searches, computed once, and never where they do not fit."""

import dataclasses
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.small_backbones import random_images
from trainables.backbones.features import About, Array, Features
from trainables.data import Data, Split


class Means:
    """An extractor that counts the images that it is given."""

    about = About((3,), 7, 2)

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, images: NDArray[np.uint8], seed: int | None) -> Array:
        self.images += len(images)
        means: Array = images.mean(axis=(1, 2)).astype(np.float32) + (0 if seed is None else 1 + seed % 1000)
        return means


def many(rows: int) -> Data:
    """Random images of one pixel, of which all but 20 train."""
    images = np.random.default_rng(0).integers(0, 256, (rows, 1, 1, 3)).astype(np.uint8)
    labels = np.arange(rows, dtype=np.int64) % 2
    order = np.random.default_rng(1).permutation(rows)
    train, validation, test = (Split(images, labels, part) for part in np.split(order, [rows - 20, rows - 10]))
    return Data(train, validation, test, random_images(8).info)


def sample(data: Data, size: int) -> Data:
    return dataclasses.replace(data, train=dataclasses.replace(data.train, index=data.train.index[:size]))


def featured(data: Data, cache_dir: Path, extractor: Means, key: str = "a") -> Data:
    found = Features(key, cache_dir, data, lambda: extractor).data()
    assert found is not None
    return found[0]


def rows_of(split: Split) -> Array:
    return np.asarray(split.images[split.index])


def test_features_are_those_of_the_images_in_any_order(tmp_path: Path) -> None:
    data = many(1300)
    features = featured(data, tmp_path, Means())
    for split, images in ((features.train, data.train), (features.test, data.test)):
        some = np.random.default_rng(2).permutation(split.index)[: len(split) // 2]
        np.testing.assert_allclose(split.images[some], images.images[some].mean(axis=(1, 2)))
        np.testing.assert_array_equal(split.labels, images.labels)


def test_each_image_is_computed_once_for_all_trials_and_sample_sizes(tmp_path: Path) -> None:
    data, extractor = many(1040), Means()
    for size, computed in ((500, 500), (1000, 1000), (250, 1000), (1000, 1000)):
        split = featured(sample(data, size), tmp_path, extractor).train
        assert rows_of(split).shape == (size, 3)
        assert extractor.images == computed


class Slow(Means):
    """Computes a batch only when its turn comes, and notes how many images the process has computed."""

    def __init__(self, before: Callable[[], None]) -> None:
        super().__init__()
        self._before = before

    def __call__(self, images: NDArray[np.uint8], seed: int | None) -> Array:
        self._before()
        return super().__call__(images, seed)


def _compute(cache_dir: Path, ready: Any, computed: Any) -> None:
    """In a process of its own: compute the features of 1,000 training images beside another that does the same."""
    extractor = Slow(ready.wait)  # No batch is computed before each process has begun with a piece.
    rows_of(featured(many(1020), cache_dir, extractor).train)
    computed.put(extractor.images)


def test_two_processes_compute_half_of_the_features_each(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("fork")
    ready, computed = processes.Barrier(2, timeout=10), processes.Queue()
    both = [processes.Process(target=_compute, args=(tmp_path, ready, computed), daemon=True) for _ in range(2)]
    for process in both:
        process.start()
    assert [computed.get(timeout=30) for _ in both] == [500, 500]
    for process in both:
        process.join()


def test_features_of_a_training_set_that_grows_are_computed_as_it_grows(tmp_path: Path) -> None:
    extractor = Means()
    train = featured(many(1040), tmp_path, extractor).train
    for seen, computed in ((100, 250), (250, 250), (251, 500), (1020, 1020)):
        part = train.images[train.index[:seen]]
        assert extractor.images == computed
    np.testing.assert_allclose(part, many(1040).train.take()[0].mean(axis=(1, 2)))


def test_test_images_are_computed_when_a_trial_asks_for_them(tmp_path: Path) -> None:
    extractor = Means()
    features = featured(many(40), tmp_path, extractor)
    rows_of(features.train), rows_of(features.validation)
    assert extractor.images == 30
    rows_of(features.test)
    assert extractor.images == 40


def test_facts_come_from_the_cache_without_an_extractor(tmp_path: Path) -> None:
    rows_of(featured(many(40), tmp_path, Means()).validation)

    def forbidden() -> Means:
        raise AssertionError("an extractor was made")

    assert Features("a", tmp_path, many(40), forbidden).about == Means.about


def test_other_keys_and_other_rows_have_features_of_their_own(tmp_path: Path) -> None:
    data, extractor = many(40), Means()
    rows_of(featured(data, tmp_path, extractor).validation)
    rows_of(featured(data, tmp_path, extractor, "b").validation)
    other = dataclasses.replace(data, validation=data.test)
    rows_of(featured(other, tmp_path, extractor).validation)
    assert extractor.images == 30


def test_augmented_copies_differ_and_are_the_same_for_every_trial(tmp_path: Path) -> None:
    data, extractor = many(40), Means()
    for _ in range(2):
        found = Features("a", tmp_path, data, lambda: extractor, "flip").data(copies=2)
        assert found is not None
        one, two = (rows_of(copy) for copy in found[1])
        assert not np.array_equal(one, two)
        np.testing.assert_allclose(rows_of(found[0].validation), data.validation.take()[0].mean(axis=(1, 2)))
    assert extractor.images == 2 * 20 + 10


def test_features_that_do_not_fit_the_cache_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEARCH_CACHE_GB", "0.0000001")
    assert Features("a", tmp_path, many(40), Means).data() is None
    assert "every epoch computes them anew. Raise SEARCH_CACHE_GB" in capsys.readouterr().err


def test_features_that_are_there_need_no_more_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = many(40)
    features = featured(data, tmp_path, Means())
    for split in (features.train, features.validation, features.test):
        rows_of(split)
    monkeypatch.setattr("trainables.backbones.features.shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    assert Features("a", tmp_path, data, Means).data() is not None
    assert Features("b", tmp_path, data, Means).data() is None
