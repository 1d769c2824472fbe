"""Names that are no UTF-8, links, pipes: in a folder, an archive, the cache and every line that is said."""

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.photo_folders import load, pack, photo, write_folder
from trainables.datasets.find import find_dataset
from trainables.datasets.names import shown
from trainables.errors import TrainableError


def rename(root: Path, old: str, new: bytes) -> Path:
    (root / old).rename(root / os.fsdecode(new))
    return root


def test_names_that_are_no_utf_8_are_read_and_shown_by_their_bytes(tmp_path: Path) -> None:
    root = rename(write_folder(tmp_path / "pets"), "cat/000.png", b"cat/caf\xe9.png")
    rename(root, "dog", b"h\xfcnd")
    plain, packed = load(root), load(pack(root, tmp_path / "pets.tar"))
    assert plain.info.class_names == ("cat", r"h\xfcnd")
    assert packed.info.fingerprint == plain.info.fingerprint
    assert np.array_equal(plain.train.images[19], photo(0)), "its name is the last of its class"
    (root / os.fsdecode(b"h\xfcnd") / "000.png").write_bytes(b"")
    info = find_dataset(str(root), None, 0)
    assert r"h\xfcnd/000.png (no known image format)" in info.notes[0]
    json.dumps([info.class_names, info.notes, info.source], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("häuser", "häuser"),
        ("caf\udce9", r"caf\xe9"),
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\ud800", r"\ud800"),
    ],
)
def test_name_is_shown_as_one_line_of_printable_text(name: str, expected: str) -> None:
    assert shown(name) == expected


def test_data_set_whose_own_name_is_no_utf_8_is_one_line(tmp_path: Path) -> None:
    root = write_folder(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(TrainableError, match=r"caf\\xe9' of a data set is no UTF-8\. Rename it") as caught:
        find_dataset(str(root), None, 0)
    str(caught.value).encode()


def test_folder_inside_a_link_of_another_name_is_a_class(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere")
    (tmp_path / "pets").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert load(tmp_path / "pets").info.fingerprint == load(tmp_path / "elsewhere").info.fingerprint


@pytest.mark.parametrize("target", [".", "..", "../cat", "../../..", "loop", "/"])
def test_link_that_leads_back_is_not_followed_and_told(tmp_path: Path, target: str) -> None:
    root = write_folder(tmp_path / "pets")
    expected = load(root).info
    (root / "cat" / "loop").symlink_to(target)
    info = find_dataset(str(root), None, 0)
    assert info.fingerprint == expected.fingerprint
    (note,) = info.notes
    assert "cat/loop" in note
    assert ("1 without a suffix" if target == "loop" else "links lead there") in note


def test_link_to_nothing_beside_the_class_folders_is_refused_and_one_beside_images_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    (root / "README.md").write_text("of the data set")
    (root / "cat" / "more").symlink_to(tmp_path / "nowhere")
    assert "1 without a suffix (cat/more)" in find_dataset(str(root), None, 0).notes[0]
    (root / "bird").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TrainableError, match=r"the link .*/pets/bird leads to nothing; expected a folder"):
        find_dataset(str(root), None, 0)


def test_links_across_all_folders_count_no_image_twice(tmp_path: Path) -> None:
    names = tuple("abcdefghij")
    root = write_folder(tmp_path / "letters", num=6, classes=names)
    for here in names:
        for there in names:
            (root / here / f"to_{there}").symlink_to(root / there)
    info = find_dataset(str(root), None, 0)
    assert info.num_train + info.num_validation + info.num_test == 60
    assert "100 folders of" in info.notes[0]


def test_pipe_among_the_images_costs_itself(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    os.mkfifo(root / "cat" / "pipe.png")
    (root / "dog" / "zero.png").symlink_to("/dev/zero")
    note = find_dataset(str(root), None, 0).notes[0]
    assert "cat/pipe.png (a pipe or a device and no file), dog/zero.png (a pipe or a device" in note


def test_pipe_as_a_data_set_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pets.tar")
    with pytest.raises(TrainableError, match="is a pipe or a device"):
        find_dataset(str(tmp_path / "pets.tar"), None, 0)


def test_tar_whose_names_are_no_utf_8_in_an_old_format_is_read(tmp_path: Path) -> None:
    root = rename(write_folder(tmp_path / "pets"), "cat/000.png", b"cat/caf\xe9.png")
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "odd.tar", "w", format=kind) as archive:
            archive.add(root, "pets")
        assert load(tmp_path / "odd.tar").info.fingerprint == load(root).info.fingerprint
