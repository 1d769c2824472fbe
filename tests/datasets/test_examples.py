"""Data that are no images: arrays of any shape from a file or a function, named inputs, numbers to come near to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from tests.support.photo_folders import write_folder
from trainables.data import Data
from trainables.datasets.find import find_dataset, find_images
from trainables.datasets.load import load_data
from trainables.errors import TrainableError
from trainables.trial import Origin, Trial

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(90, 4))
CLASSES = np.arange(90) % 3
NUMBERS = TABLE @ [1.0, 2.0, 3.0, 4.0]


def load(dataset: Any, split_seed: int = 0, **settings: object) -> Data:
    return load_data({"dataset": dataset, **settings}, Trial(split_seed=split_seed))


def saved(path: Path, **arrays: NDArray[Any]) -> str:
    np.savez(path, allow_pickle=False, **arrays)
    return str(path)


def test_table_of_numbers_is_divided_by_class_and_seed_with_nested_samples(tmp_path: Path) -> None:
    name = saved(tmp_path / "table.npz", x_train=TABLE, y_train=CLASSES)
    whole, part = load(name), load(name, sample_size=12)
    assert (whole.input_shape, whole.info.num_classes, whole.info.image_shape) == ((4,), 3, None)
    assert [len(split) for split in (whole.train, whole.validation, whole.test)] == [54, 18, 18]
    assert np.array_equal(part.train.index, whole.train.index[:12])
    assert np.bincount(part.train.take()[1]).tolist() == [4, 4, 4]
    assert np.array_equal(whole.test.take()[0], TABLE[whole.test.index].astype(np.float32))
    assert not np.array_equal(whole.test.index, load(name, split_seed=1).test.index)
    assert find_dataset(name, None, 0) == whole.info


def test_arrays_are_written_once_and_shared_as_maps(tmp_path: Path, own_cache: Path) -> None:
    name = saved(tmp_path / "table.npz", x_train=TABLE, y_train=CLASSES)
    assert isinstance(load(name).train.inputs, np.memmap)
    written = {file: file.stat().st_ino for file in own_cache.rglob("*.npy")}
    load(name, split_seed=5, sample_size=9)
    assert {file: file.stat().st_ino for file in own_cache.rglob("*.npy")} == written


def test_several_inputs_have_their_names_and_published_splits_stay(tmp_path: Path) -> None:
    words = RNG.integers(0, 50, (90, 7))
    arrays = {f"x_{split}_{name}": x[rows] for split, rows in (("train", slice(60)), ("val", slice(60, 75)),
              ("test", slice(75, 90))) for name, x in (("size", TABLE), ("words", words))}  # fmt: skip
    targets = {"y_train": CLASSES[:60], "y_val": CLASSES[60:75], "y_test": CLASSES[75:]}
    data = load(saved(tmp_path / "both.npz", **arrays, **targets))
    assert data.input_shape == {"size": (4,), "words": (7,)}
    inputs, labels = data.test.rows(data.test.index)
    assert isinstance(inputs, Mapping)
    assert inputs["words"].dtype == words.dtype
    assert np.array_equal(inputs["words"], words[75:])
    assert np.array_equal(labels, CLASSES[75:])
    assert len(data.validation) == 15


def test_numbers_to_come_near_to_are_no_classes(tmp_path: Path) -> None:
    data = load(saved(tmp_path / "numbers.npz", x_train=TABLE, y_train=NUMBERS), sample_size=10)
    assert (data.info.num_classes, data.info.class_names, dict(data.info.class_counts)) == (0, (), {})
    assert np.array_equal(data.train.rows(data.train.index)[1], NUMBERS[data.train.index].astype(np.float32))


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (CLASSES[:, None], ("0", "1", "2")),
        (np.eye(3)[CLASSES], ("0", "1", "2")),
        (np.array(["ash", "oak", "elm"])[CLASSES], ("ash", "elm", "oak")),
        (np.array([b"ash", b"\xc3\xb6k", b"elm"])[CLASSES], ("ash", "elm", "\xf6k")),
        (CLASSES.astype(object), ("0", "1", "2")),
        (CLASSES == 1, ("0", "1")),
        (CLASSES.astype(np.uint64), ("0", "1", "2")),
    ],
)
def test_classes_may_be_written_in_several_ways(targets: NDArray[Any], names: tuple[str, ...]) -> None:
    data = load(lambda config, trial: (TABLE, targets))
    assert data.info.class_names == names
    assert data.train.targets.shape == (90,)


def test_columns_of_numbers_and_of_truths_are_numbers() -> None:
    columns = np.column_stack([TABLE, CLASSES == 1]).astype(object)
    columns[:, 4] = columns[:, 4].astype(bool)
    inputs = load(lambda config, trial: (columns, CLASSES)).train.images
    assert inputs.dtype == np.float32
    assert np.array_equal(inputs, np.column_stack([TABLE, CLASSES == 1]).astype(np.float32))


def test_a_column_of_rows_of_one_length_is_a_table() -> None:
    column = np.empty(90, object)
    column[:] = list(TABLE)
    assert np.array_equal(load(lambda config, trial: (column, CLASSES)).train.images, TABLE.astype(np.float32))


def test_arrays_that_are_not_read_are_told(tmp_path: Path) -> None:
    known = {"x_train": TABLE[:60], "y_train": CLASSES[:60], "x_valid": TABLE[60:], "y_valid": CLASSES[60:]}
    assert (find_dataset(saved(tmp_path / "a.npz", **known), None, 0)).notes == ()
    assert len(load(str(tmp_path / "a.npz")).validation) == 30
    others = {"x_dev": TABLE, "y_dev": CLASSES, "x_test": TABLE, "y_train_b": CLASSES, "sample_weight": NUMBERS}
    (note,) = find_dataset(saved(tmp_path / "b.npz", **known, **others), None, 0).notes
    assert "b.npz: x_dev, y_dev, x_test, y_train_b, sample_weight (read are x_train, y_train and" in note


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": TABLE, "y": CLASSES}, r"has the arrays x, y; expected x_train, y_train and, where published"),
        ({"x_train": TABLE}, r"has the arrays x_train; expected x_train, y_train"),
        ({"x_train": TABLE, "x_train_more": TABLE, "y_train": CLASSES}, r"several inputs as x_train_NAME"),
        ({"x_train": TABLE[:80], "y_train": CLASSES}, r"inputs \(80, 4\), targets \(90,\); expected the same number"),
        ({"x_train": TABLE, "y_train": CLASSES + 17}, r"whole numbers from 17 to 19, of which some have no example"),
        ({"x_train": TABLE, "y_train": np.full(90, "oak")}, r"the targets of .* are all 'oak'; expected two or more"),
        ({"x_train": TABLE, "y_train": np.eye(5)[CLASSES]}, r"one-hot rows of 5 classes, of which 2 have no example"),
        (
            {f"{a}_{split}": TABLE for a in "xy" for split in ("train", "val", "valid")},
            r"has the arrays x_train",
        ),
        ({"x_train": TABLE.astype(complex), "y_train": CLASSES}, r"the inputs of .* are complex128"),
        (
            {"x_train": TABLE[:2], "y_train": NUMBERS[:2]},
            r"has 2 examples \(2 different ones\), which leave none for the",
        ),
    ],
)
def test_file_that_is_no_data_set_says_what_it_has_and_what_was_expected(
    tmp_path: Path, arrays: dict[str, NDArray[Any]], message: str
) -> None:
    with pytest.raises(TrainableError, match=message) as caught:
        find_dataset(saved(tmp_path / "odd.npz", **arrays), None, 0)
    assert "\n" not in str(caught.value)


def test_function_gives_arrays_that_are_divided_by_the_seed() -> None:
    def table(config: Mapping[str, object], trial: Trial) -> Any:
        return {"table": TABLE * float(str(config["scale"])), "row": np.arange(90)}, CLASSES

    data = load(table, scale=2, sample_size=9)
    assert data.input_shape == {"table": (4,), "row": ()}
    assert (data.info.name, len(data.train), data.info.num_train) == ("table()", 9, 54)
    inputs, labels = data.train.rows(data.train.index)
    assert isinstance(inputs, Mapping)
    assert np.array_equal(inputs["row"], data.train.index)
    assert np.array_equal(labels, CLASSES[data.train.index])
    assert np.array_equal(load(table, scale=3).train.index[:9], data.train.index)


def test_data_set_says_from_what_it_comes_whatever_its_name(tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures.npz")
    named = saved(tmp_path / "table().npz", x_train=TABLE, y_train=CLASSES)
    found = [find_dataset(name, tmp_path, 0).origin for name in ("digits", "table()", named)]
    assert found == [Origin.ARRAYS] * 3
    assert find_dataset(str(tmp_path / "pictures.npz"), None, 0).origin is Origin.PICTURES
    assert load(lambda config, trial: (TABLE, CLASSES)).info.origin is Origin.FUNCTION


def test_function_may_divide_by_itself() -> None:
    pair, other, last = (TABLE[:50], CLASSES[:50]), (TABLE[50:70], CLASSES[50:70]), (TABLE[70:], CLASSES[70:])
    both, all_three = load(lambda config, trial: (pair, last)), load(lambda config, trial: (pair, other, last))
    for data in (both, all_three):
        assert np.array_equal(data.test.take()[0], TABLE[70:].astype(np.float32))
    assert (len(both.train), len(both.validation)) == (42, 8)
    assert (len(all_three.train), len(all_three.validation)) == (50, 20)


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (TABLE, {}, r"\(\) gave a ndarray; expected \(x, y\)"),
        ((TABLE,), {}, r"\(\) gave a tuple of 1 \(ndarray\); expected"),
        (((TABLE, CLASSES), TABLE), {}, r"\(\) gave a tuple of 2 \(a tuple of 2, ndarray\)"),
        (
            (TABLE, [None] * 90),
            {},
            r"the targets of .*\(\) are values of NoneType; expected an array",
        ),
        (([[1.5, "red"]] * 90, CLASSES), {}, r"the inputs of .*\(\) are values of float and str"),
        (
            (np.array([[0], [0, 1]] * 45, object), CLASSES),
            {},
            r"are rows of different lengths.* keras\.utils\.pad_seq",
        ),
        (
            ([b"\x08\0", b"\x09"] * 45, CLASSES),
            {},
            r"the inputs of .*\(\) are text that ends in nulls, which NumPy would",
        ),
        ((TABLE, [0, 1, "unknown"] * 30), {}, r"the targets of .*\(\) are values of int and str"),
        ((np.ma.masked_greater(TABLE, 1), CLASSES), {}, r"the inputs of .*\(\) are partly hidden by a mask"),
        ((scipy.sparse.csr_matrix(TABLE), CLASSES), {}, r"the inputs of .*\(\) are a csr_matrix; expected an array"),
        (((row for row in TABLE), CLASSES), {}, r"the inputs of .*\(\) are a generator; expected an array"),
        (([TABLE, CLASSES],) * 3, {}, r"gave a tuple of 3 \(list, list, list\); expected \(x, y\)"),
        (([1], None, [1]), {}, r"gave a tuple of 3 \(list, NoneType, list\); expected \(x, y\)"),
        ((TABLE, CLASSES), {"image_size": 8}, r"image_size is set and '.*\(\)' gives arrays"),
        ((TABLE, CLASSES), {"sample_size": 90}, r"sample_size is 90 and '.*\(\)' has 54 training images"),
        ((range(1),) * 3, {"sample_size": 2}, r"sample_size is set and .*\(\) gives no arrays that could be divided"),
    ],
)
def test_function_that_gives_something_else_is_one_line(given: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        load(lambda config, trial: given, **settings)


def test_networks_of_the_image_classifier_refuse_what_is_no_image(tmp_path: Path) -> None:
    name = saved(tmp_path / "table.npz", x_train=TABLE, y_train=CLASSES)
    with pytest.raises(
        TrainableError, match=r"gives rows of shape \(4,\), and the image classifier's own networks take"
    ):
        find_images(name, None, 0)
    images = RNG.integers(0, 256, (90, 8, 8, 1), np.uint8)
    assert load(lambda config, trial: (images, CLASSES)).info.image_shape == (8, 8, 1)
