"""Data sets of arrays, found on the driver and loaded by a trial; the settings that concern data."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.data import Data
from trainables.datasets.find import find_dataset
from trainables.datasets.load import load_data
from trainables.datasets.settings import check_data_settings
from trainables.errors import ContentDiffers, TrainableError
from trainables.trial import DatasetInfo, Trial


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("SEARCH_DATA_DIR")
    if not folder or not (Path(folder) / "mnist.npz").is_file():
        pytest.skip("SEARCH_DATA_DIR names no folder with mnist.npz")
    return Path(folder)


def load(name: str, data_dir: Path | None = None, split_seed: int = 0, **settings: object) -> Data:
    return load_data({"dataset": name, **settings}, Trial(data_dir=data_dir, split_seed=split_seed))


def write_npz(path: Path, num: int = 60, **changed: Any) -> Path:
    """Random 6x5 images of three classes, a third of them published as the test set."""
    images = np.random.default_rng(0).integers(0, 256, (num * 3 // 2, 6, 5), np.uint8)
    labels = np.arange(len(images)) % 3
    arrays = {"x_train": images[:num], "y_train": labels[:num], "x_test": images[num:], "y_test": labels[num:]}
    np.savez(path, **{name: array for name, array in {**arrays, **changed}.items() if array is not None})
    return path


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    expected = load_digits()
    data = load("digits")
    assert np.array_equal(data.train.labels, expected.target)
    assert np.array_equal(data.train.images[..., 0], np.rint(expected.images * 255 / 16))
    assert data.train.images.dtype == np.uint8


def test_a_trial_refuses_another_data_set_than_the_one_that_was_planned_with(tmp_path: Path) -> None:
    planned = find_dataset(str(write_npz(tmp_path / "own.npz")), None, 0)
    config = {"dataset": str(tmp_path / "own.npz"), "image_size": 8}
    trial = Trial(contents={planned.name: planned.fingerprint})
    load_data(config, trial)
    write_npz(tmp_path / "own.npz", num=66)
    with pytest.raises(ContentDiffers, match=r"own\.npz is not the '.*' with which the search was planned"):
        load_data(config, trial)


def test_digits_come_as_28_by_28_where_a_network_asks() -> None:
    data = load("digits", image_size=28)
    assert data.train.take()[0].shape == (1079, 28, 28, 1)
    small = load("digits").train.images
    assert abs(data.train.images.mean() - small.mean()) < 2


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_published_test_set_of_real_data_stays_the_test_set(real_data: Path, name: str) -> None:
    data = load(name, real_data, sample_size=12_000)
    with np.load(real_data / f"{name}.npz") as file:
        images, labels = data.test.take()
        assert np.array_equal(images[..., 0], file["x_test"])
        assert np.array_equal(labels, file["y_test"])
        assert np.array_equal(data.train.take()[0][:5, :, :, 0], file["x_train"][data.train.index[:5]])
    assert (len(data.train), len(data.validation), len(data.test)) == (12_000, 10_000, 10_000)


PHOTOGRAPHS = {
    "cats_vs_dogs": (2, 2400, 800, 800),
    "animals5": (5, 4341, 868, 580),
    "waste9_standin": (9, 3028, 1010, 1010),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_real_photographs_load_in_three_splits(real_data: Path, name: str) -> None:
    if not (real_data / f"{name}.tar").is_file():
        pytest.skip(f"SEARCH_DATA_DIR has no {name}.tar")
    data = load(name, real_data, image_size=32)
    assert (data.info.num_classes, len(data.train), len(data.validation), len(data.test)) == PHOTOGRAPHS[name]
    images, labels = data.test.take()
    assert images.shape[1:] == (32, 32, 3)
    assert set(labels) == set(range(data.info.num_classes))
    assert images.std(axis=(1, 2, 3)).min() > 0, "every photograph was decoded"


def test_driver_finds_real_data_without_a_framework(real_data: Path) -> None:
    program = (
        "import sys, pathlib; from trainables.datasets.find import find_dataset;"
        "info = find_dataset('mnist', pathlib.Path(sys.argv[1]), 0); print(info.num_train, info.num_test);"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'ray'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(real_data)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "50000 10000\n[]\n"


def test_what_the_driver_finds_is_what_a_trial_loads(tmp_path: Path) -> None:
    write_npz(tmp_path / "small.npz")
    for name in ("small", "digits"):
        assert find_dataset(name, tmp_path, 3) == load(name, tmp_path, 3, sample_size=12).info


def test_driver_divides_as_the_settings_say(tmp_path: Path) -> None:
    settings = {"validation_fraction": (0.1,), "test_fraction": (0.3,)}
    info = find_dataset("digits", tmp_path, 3, settings)
    assert info == load("digits", tmp_path, 3, validation_fraction=0.1, test_fraction=0.3).info
    assert (info.num_validation, info.num_test) == (180, 539)


def test_images_of_each_class_are_counted_by_split() -> None:
    data = load("digits")
    for part, split in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        assert data.info.class_counts[part] == tuple(np.bincount(split.take()[1]))


def test_split_depends_on_the_seed_and_not_on_size_or_sample() -> None:
    whole, part = load("digits", split_seed=1), load("digits", split_seed=1, image_size=16, sample_size=100)
    assert np.array_equal(whole.train.index[:100], part.train.index)
    assert np.array_equal(whole.validation.index, part.validation.index)
    assert np.array_equal(whole.test.index, part.test.index)
    assert not np.array_equal(whole.test.index, load("digits", split_seed=2).test.index)


def test_images_are_decoded_once_and_shared_as_a_map(tmp_path: Path, own_cache: Path) -> None:
    path = write_npz(tmp_path / "small.npz")
    first = load("small", tmp_path).train.images
    written = {file: file.stat().st_ino for file in own_cache.rglob("images.npy")}
    assert load("small", tmp_path, split_seed=5).train.images is first
    assert isinstance(first, np.memmap)
    write_npz(path, num=30)
    assert len(load("small", tmp_path).train.images) == 45
    assert all(file.stat().st_ino == inode for file, inode in written.items())


def test_cache_folder_of_the_trial_is_used(tmp_path: Path) -> None:
    load_data({"dataset": "digits"}, Trial(cache_dir=tmp_path / "other"))
    assert list((tmp_path / "other").glob("images-*"))


def test_training_images_that_the_test_set_holds_too_are_left_out_and_told(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 5), np.uint8)
    write_npz(tmp_path / "same.npz", x_train=images, x_test=images[:30])
    info = find_dataset("same", tmp_path, 0)
    assert info.num_test == 30
    assert info.num_train + info.num_validation == 30
    assert info.notes[0].startswith("30 images of 'same' were left out")
    data = load("same", tmp_path)
    train, test = ({image.tobytes() for image in part.take()[0]} for part in (data.train, data.test))
    assert not train & test


def test_fingerprint_follows_the_content_and_not_the_file(tmp_path: Path) -> None:
    for name, num in (("a", 60), ("b", 60), ("c", 90)):
        write_npz(tmp_path / f"{name}.npz", num)
    a, b, c = (find_dataset(name, tmp_path, 0).fingerprint for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_train": None}, r"has the arrays x_train, x_test, y_test; expected x_train, y_train"),
        ({"x_train": np.zeros((60, 6, 4))}, r"rows of float32 \(6, 4\) and uint8 \(6, 5\) in its splits"),
        ({"y_train": np.zeros(59, int)}, r"inputs \(60, 6, 5\), targets \(59,\); expected the same number of rows"),
        ({"x_test": np.zeros((30, 7, 5), np.uint8)}, r"\(6, 5\) and \(7, 5\); expected one shape"),
        ({"y_train": np.full(60, 4)}, "whole numbers from 0 to 4, of which some have no example"),
        ({"y_test": np.full(30, -1)}, "whole numbers from -1 to 2"),
        ({"y_test": np.full(30, 10**12)}, "whole numbers from 0 to 1000000000000, of which some have no example"),
        ({"y_train": np.zeros(60, int), "y_test": np.zeros(30, int)}, "from 0 to 0, .*; expected two or more classes"),
        ({"x_test": np.zeros((0, 6, 5), np.uint8), "y_test": np.zeros(0, int)}, "has a split without images"),
    ],
)
def test_npz_file_of_another_layout_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    write_npz(tmp_path / "odd.npz", **changed)
    with pytest.raises(TrainableError, match=message):
        find_dataset("odd", tmp_path, 0)


def test_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.npz").write_bytes(b"PK\3\4 torn")
    with pytest.raises(TrainableError, match=r"cannot read .*torn\.npz"):
        find_dataset("torn", tmp_path, 0)


def test_class_that_a_split_lacks_is_named(tmp_path: Path) -> None:
    write_npz(tmp_path / "few.npz", y_test=np.zeros(30, int))
    with pytest.raises(TrainableError, match=r"class '1' of 'few' .* is missing from the test split \(30 images\)"):
        find_dataset("few", tmp_path, 0)


INFO = DatasetInfo("pets", "pets.tar", "f", 600, 200, 200, 4, (30, 30, 3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_size": (100, 601)}, "sample_size is 601 and 'pets' has 600 training images; expected at most 600"),
        ({"sample_size": (3,)}, "sample_size is 3 and 'pets' has 4 classes"),
        ({"sample_size": (0,)}, "setting 'sample_size' may be 0; expected"),
        ({"sample_size": (0.5,)}, "setting 'sample_size' may be 0.5"),
        ({"sample_size": (True,)}, "setting 'sample_size' may be True"),
        ({"image_size": (28, "large")}, "setting 'image_size' may be 'large'"),
        ({"image_size": (0,)}, "setting 'image_size' may be 0"),
        ({"image_size": ((32, 32, 3),)}, "setting 'image_size' may be"),
        ({"validation_fraction": (0.0,)}, "setting 'validation_fraction' may be 0.0"),
        ({"validation_fraction": (0.5,), "test_fraction": (0.5,)}, "leave no image to train on"),
        ({"test_fraction": (0.6,), "sample_size": (300,)}, "has 200 training images"),
    ],
)
def test_setting_that_the_data_cannot_satisfy_is_refused(settings: dict[str, tuple[object, ...]], message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        check_data_settings(settings, INFO)


def test_settings_that_the_data_can_satisfy_are_accepted() -> None:
    sizes = {"sample_size": (4, 600, "all", None), "image_size": (28, (32, 48), [8, 8], None), "filters": ("any",)}
    check_data_settings(sizes, INFO)
    check_data_settings({"validation_fraction": (0.1, None), "sample_size": (700,)}, INFO)


def test_fraction_of_a_published_split_is_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "small.npz")
    with pytest.raises(TrainableError, match="'small' comes with a test set"):
        check_data_settings({"test_fraction": (0.3,)}, find_dataset("small", tmp_path, 0))
    with pytest.raises(TrainableError, match="'small' comes with a test set"):
        load("small", tmp_path, test_fraction=0.3)


def test_sample_beyond_the_data_is_refused_by_the_trial_too() -> None:
    with pytest.raises(TrainableError, match="'digits' has 1,079 training images"):
        load("digits", sample_size=1080)
    assert len(load("digits", sample_size=1079).train) == 1079


def test_images_of_different_sizes_need_an_image_size() -> None:
    mixed = DatasetInfo("pets", "pets.tar", "f", 600, 200, 200, 4, None)
    with pytest.raises(TrainableError, match="differ in size and image_size is not given"):
        check_data_settings({}, mixed)
    check_data_settings({"image_size": (150,)}, mixed)
