"""Classes and splits from paths, and the refusal of what has none."""

from dataclasses import replace

import pytest

from trainables.datasets.containers.container import Listing
from trainables.datasets.photos.layout import Layout, read_layout
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError


def read(files: list[str], folders: tuple[str, ...] = ()) -> Layout:
    return read_layout(Listing(files, list(folders)), "pets")


def layout(*paths: str, folders: tuple[str, ...] = (), num: int = 3) -> Layout:
    """The layout of `num` images in each of the folders `paths`, and of further, empty folders."""
    return read([f"{path}/{n}.jpg" for path in paths for n in range(num)], folders)


@pytest.mark.parametrize("wrap", ["", "pets/", "download/main/pets/", "train/"])
def test_class_folders_are_found_below_whatever_wraps_them(wrap: str) -> None:
    found = layout(f"{wrap}dog", f"{wrap}cat")
    assert found.class_names == ("cat", "dog")
    assert found.labels == (0, 0, 0, 1, 1, 1)
    assert found.paths[0] == "cat/0.jpg"
    assert found.members[0] == f"{wrap}cat/0.jpg"
    assert set(found.roles) == {TRAIN}


@pytest.mark.parametrize("wrap", ["", "pets/"])
def test_val_without_test_is_the_test_set_and_that_is_told(wrap: str) -> None:
    found = layout(f"{wrap}train/cat", f"{wrap}train/dog", f"{wrap}val/cat", f"{wrap}val/dog")
    assert found.roles == (TRAIN,) * 6 + (TEST,) * 6
    assert found.notes == ("val/ of pets is the test set; validation is taken from the training images",)


def test_three_folders_of_splits_keep_their_roles() -> None:
    found = layout(*(f"{split}/{name}" for split in ("Training", "validation", "test") for name in ("cat", "dog")))
    assert {path.split("/")[0]: role for path, role in zip(found.paths, found.roles, strict=True)} == {
        "Training": TRAIN, "validation": VALIDATION, "test": TEST,
    }  # fmt: skip


def test_order_does_not_depend_on_the_order_of_listing() -> None:
    assert layout("cat", "dog") == layout("dog", "cat")


def test_hidden_and_foreign_files_are_no_images() -> None:
    odd = [".DS_Store", "cat/._0.jpg", "__MACOSX/cat/0.jpg", "cat/Thumbs.db", "licence.txt", "readme/about.pdf"]
    found = read([*odd, "cat/0.JPG", "dog/0.png"])
    assert found.members == ("cat/0.JPG", "dog/0.png")


def test_images_outside_the_class_folders_are_left_out_and_told() -> None:
    found = read(["logo.png", "cat/0.jpg", "dog/0.jpg"])
    assert len(found.members) == 2
    assert found.notes == ("1 images of pets lie outside the class folders and are left out",)


def test_images_in_folders_inside_a_class_belong_to_it() -> None:
    assert layout("cat/persian", "cat/siamese", "dog").labels == (0,) * 6 + (1,) * 3


def test_same_folders_inside_each_class_are_told_since_they_may_be_the_classes() -> None:
    found = layout("2023/cat", "2023/dog", "2024/cat", "2024/dog")
    assert found.class_names == ("2023", "2024")
    assert found.notes == (
        "each class of pets holds the folders 'cat', 'dog', which are not told apart: the classes are '2023', '2024'",
    )
    for others in (
        ("2023/cat", "2024/cat"),
        ("cats/lion", "cats/lynx", "dogs/wolf"),
        ("a/x", "a/y", "a", "b/x", "b/y"),
    ):
        assert layout(*others, "c").notes == ()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/train/cat.0.jpg", "train/train/dog.0.jpg"], r"one class found in pets.*suggest the classes cat, dog"),
        (["train/cat.0.jpg", "train/dog.0.jpg"], r"one class found in pets: 'train' with 2 images"),
        (["train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg"], r"holds 'test1', 'train'.*Expected a folder"),
        (["cat.0.jpg", "dog.0.jpg"], r"no class folders in pets: 2 images lie directly.*classes cat, dog"),
        (["train/cat/0.jpg", "train/dog/0.jpg", "test/1.jpg"], r"no class folders in pets: 1 images"),
        (["pets/cat/0.jpg"], r"one class found in pets: 'cat' with 1 images"),
        (
            ["notes.txt"],
            r"no images in pets \(it holds 1 \.txt \(notes\.txt\)\)\. Expected .* class, as pets/cat/1\.jpg",
        ),
        ([], r"no images in pets"),
        (["val/cat/0.jpg", "test/cat/0.jpg"], r"mixes splits with other folders"),
        (["train/cat/0.jpg", "val/cat/0.jpg", "bird/0.jpg"], r"holds 'bird', 'train', 'val'"),
        (["val/cat/0.jpg", "train/cat/0.jpg", "valid/cat/0.jpg"], r"mixes splits"),
        (["bus/0.jpg", "train/0.jpg"], r"If 'train' is a class, rename it, for example to 'train_class'"),
        (["cat/0.jpg", "dog/0.jpg", "test/0.jpg"], r"If 'test' is a class, rename it, for example to 'test_class'"),
        (["bus/0.jpg", "car/0.jpg", "train/bus/0.jpg"], r"mixes splits with other folders.*If 'train' is a class"),
        (["expired/0.jpg", "valid/0.jpg"], r"If 'valid' is a class, rename it"),
        (["seg_train/cat/0.jpg", "seg_test/cat/0.jpg", "seg_pred/0.jpg"], r"'seg_test', 'seg_train', which are called"),
        (["TrainImages/0.jpg", "TestImages/0.jpg"], r"called like the splits.*Rename such folders, to 'train' and"),
        ([".old/cat/0.jpg", ".old/dog/0.jpg"], r"2 in hidden folders are passed over, as \.old/cat/0\.jpg"),
    ],
)
def test_other_layouts_are_refused_with_the_one_that_is_expected(files: list[str], message: str) -> None:
    with pytest.raises(TrainableError, match=message) as caught:
        read(files)
    assert "\n" not in str(caught.value)


def test_class_folder_without_images_is_named() -> None:
    with pytest.raises(TrainableError, match=r"class folder 'bird' in pets has no images"):
        layout("pets/cat", "pets/dog", folders=("pets", "pets/bird"))


def test_class_that_a_split_lacks_is_named_with_the_split() -> None:
    with pytest.raises(TrainableError, match=r"class 'dog' is missing from val/ in pets"):
        layout("train/cat", "train/dog", "val/cat")


@pytest.mark.parametrize("wrap", ["", "vehicles/", "train/"])
def test_train_is_a_class_where_its_images_lie_directly_beside_two_other_classes(wrap: str) -> None:
    found = layout(*(f"{wrap}{name}" for name in ("bus", "car", "train")))
    assert found.class_names == ("bus", "car", "train")
    assert set(found.roles) == {TRAIN}
    assert found.notes == ("train/ of pets is taken as a class, as images lie directly in it beside other classes",)


def test_splits_inside_each_class_are_splits_and_told() -> None:
    found = layout("cat/train", "cat/test", "dog/train", "dog/test")
    assert found.paths[0] == "test/cat/0.jpg"
    assert (found.class_names, set(found.roles)) == (("cat", "dog"), {TRAIN, TEST})
    assert found.notes == ("the folders 'test', 'train' inside each class of pets are splits",)


def test_split_that_is_packed_inside_a_folder_of_its_name_is_read() -> None:
    found = layout("train/train/cat", "train/train/dog", "test/test/cat", "test/test/dog")
    assert found == replace(layout("train/cat", "train/dog", "test/cat", "test/dog"), members=found.members)


@pytest.mark.parametrize("names", [("training_shoe", "test_tube"), ("trainer", "tester"), ("valley", "trail")])
def test_classes_whose_names_begin_like_splits_are_classes(names: tuple[str, str]) -> None:
    assert (layout(*names).class_names, layout(*names).notes) == (tuple(sorted(names)), ())


@pytest.mark.parametrize("names", [("Cat", "cat"), ("cat", "cat "), ("ha\u0308user", "h\xe4user")])
def test_names_that_one_reads_alike_are_two_classes_and_told(names: tuple[str, str]) -> None:
    assert layout(*names, "dog").notes == (
        f"{names[0]!a} and {names[1]!a} differ in capitals, blanks or accents only: two classes of pets, "
        "unless one is renamed",
    )
    with pytest.raises(TrainableError, match=r"is missing from .*differ in capitals, blanks or accents only"):
        layout(f"train/{names[0]}", "train/dog", f"test/{names[1]}", "test/dog")


def test_train_is_a_class_inside_of_splits_too() -> None:
    found = layout(*(f"{split}/{name}" for split in ("train", "test") for name in ("bus", "train")))
    assert (found.class_names, found.notes) == (("bus", "train"), ())


def test_class_folder_without_readable_files_says_what_it_holds() -> None:
    with pytest.raises(
        TrainableError, match=r"'dog' in pets has no images \(it holds 2 \.heic \(dog/0\.heic\); convert"
    ):
        read(["cat/0.jpg", "dog/0.heic", "dog/1.heic"], ("cat", "dog"))
