"""Archives of photographs: by content and not by name, read as far as they are whole, refused in one line."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.support.photo_folders import load, pack, patch_headers, photo, write_folder
from trainables.datasets.find import find_dataset
from trainables.errors import TrainableError


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".txz", ".zip"])
def test_archive_is_the_same_data_set_as_its_folder(tmp_path: Path, suffix: str) -> None:
    folder = write_folder(tmp_path / "pets")
    archive = pack(folder, tmp_path / f"pets{suffix}")
    expected, found = load(folder, image_size=10), load(archive, image_size=10)
    assert found.info.fingerprint == expected.info.fingerprint
    assert np.array_equal(found.test.index, expected.test.index)
    assert found.train.images is expected.train.images, "one content and size is decoded once"


def test_archive_is_decoded_row_by_row_like_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "pets", num=70)
    expected = np.array(load(folder).train.images)
    for suffix in (".tar", ".tgz", ".zip"):
        monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / f"cache{suffix}"))
        assert np.array_equal(load(pack(folder, tmp_path / f"pets{suffix}")).train.images, expected)


def evil_tar(path: Path, member: tarfile.TarInfo) -> None:
    """A sound data set with one member that reaches outside."""
    root = write_folder(path.parent / "pets")
    with tarfile.open(path, "w") as archive:
        archive.add(root, "pets")
        file = io.BytesIO()
        PIL.Image.fromarray(photo(5)).save(file, "PNG")
        member.size = len(file.getvalue()) if member.isreg() else 0
        archive.addfile(member, io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("name", ["../../escaped.png", "/tmp/escaped.png", "pets/cat/../../../escaped.png"])
def test_tar_with_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    evil_tar(tmp_path / "evil.tar", tarfile.TarInfo(name))
    before = sorted(tmp_path.rglob("*.png"))
    with pytest.raises(TrainableError, match="leads outside of the archive"):
        find_dataset("evil", tmp_path, 0)
    assert sorted(tmp_path.rglob("*.png")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_with_a_link_or_a_device_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("pets/cat/link.png")
    member.type, member.linkname = kind, "/etc/passwd"
    evil_tar(tmp_path / "evil.tar", member)
    what = "a second name of a file" if kind == tarfile.LNKTYPE else "a link or a device"
    with pytest.raises(TrainableError, match=rf"holds 'pets/cat/link\.png', which is {what}; .* with `tar --"):
        find_dataset("evil", tmp_path, 0)


@pytest.mark.parametrize("is_link", [True, False])
def test_zip_with_a_link_or_a_path_that_leads_outside_is_refused(tmp_path: Path, is_link: bool) -> None:
    archive = pack(write_folder(tmp_path / "pets"), tmp_path / "evil.zip")
    member = zipfile.ZipInfo("pets/cat/link.png" if is_link else "../escaped.png")
    member.external_attr = (0o120777 if is_link else 0o100644) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(member, "/etc/passwd")
    with pytest.raises(TrainableError, match="which is a link" if is_link else "leads outside"):
        find_dataset("evil", tmp_path, 0)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, method: int) -> None:
    folder = write_folder(tmp_path / "pets")
    expected = load(folder).info.fingerprint
    for suffix in (".zip", ".tar", ".tbz2"):
        plain = pack(folder, tmp_path / f"pets{suffix}", method).rename(tmp_path / f"pets{suffix[1:]}")
        assert load(plain).info.fingerprint == expected
    (tmp_path / "unpacks_itself").write_bytes(b"#!/bin/sh" + (tmp_path / "petszip").read_bytes())
    assert load(tmp_path / "unpacks_itself").info.fingerprint == expected


DEFLATE64, ENCRYPTED = (8, b"\x09\0"), (6, b"\x01")
"""Where a zip file's header holds method and flags, and what to write there."""


@pytest.mark.parametrize(
    ("patch", "why"), [(DEFLATE64, "packed by Deflate64, which Python cannot read"), (ENCRYPTED, "encrypted")]
)
def test_zip_that_python_cannot_unpack_says_so_and_one_such_image_costs_itself(
    tmp_path: Path, patch: tuple[int, bytes], why: str
) -> None:
    archive = pack(write_folder(tmp_path / "pets", num=30), tmp_path / "pets.zip")
    patch_headers(archive, *patch, only=b"cat/003.png")
    assert find_dataset(str(archive), None, 0).notes == (
        f"1 of 60 images of '{archive}' cannot be read and are skipped: pets/cat/003.png ({why})",
    )
    patch_headers(archive, *patch)
    with pytest.raises(TrainableError, match=rf"none of the 60 images in .*pets/cat/000\.png' is {why}\. Unpack"):
        find_dataset(str(archive), None, 0)


def test_image_with_a_wrong_checksum_in_a_zip_costs_itself(tmp_path: Path) -> None:
    archive = pack(write_folder(tmp_path / "pets", num=30), tmp_path / "pets.zip")
    patch_headers(archive, 14, b"\1\2\3\4", only=b"dog/007.png")
    assert len(load(archive).train.images) == 59
    assert "pets/dog/007.png (Bad CRC-32" in load(archive).info.notes[0]


def damaged(folder: Path, kind: str) -> bytes:
    """An archive that something happened to."""
    whole = {
        suffix: pack(folder, folder.with_name(f"whole{suffix}")).read_bytes()
        for suffix in (".tar", ".txz", ".tgz", ".zip")
    }
    tar, packed, gz, zipped = (bytearray(content) for content in whole.values())
    if kind == "a damaged header":
        tar[tar.index(b"pets/dog/010.png")] ^= 1
    elif kind == "a checksum of gzip":
        gz[-8] ^= 1
    last = zipped.rindex(b"PK\5\6")
    return {
        "text": b"no archive",
        "nothing": b"",
        "a damaged header": bytes(tar),
        "a cut tar": bytes(tar[: len(tar) * 2 // 3 + 100]),
        "a cut xz": bytes(packed[: len(packed) // 2]),
        "a checksum of gzip": bytes(gz),
        "a packed text": gzip.compress(b"no tar file" * 100),
        "a zip's first part": b"PK\7\x08" + bytes(zipped[:5000]),
        "a zip's last part": bytes(zipped[1000:last]) + b"PK\5\6\2\0" + bytes(zipped[last + 6 :]),
        "a cut zip": bytes(zipped[: len(zipped) // 2]),
        "RAR": b"Rar!\x1a\7\1\0" + bytes(100),
        "7-Zip": b"7z\xbc\xaf\x27\x1c" + bytes(100),
        "Zstandard": b"\x28\xb5\x2f\xfd" + bytes(100),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "is neither a tar nor a zip file; expected a folder, a zip file, or a tar"),
        ("nothing", "is neither a tar nor a zip file"),
        ("a damaged header", "is a broken tar file: a damaged header: bad checksum"),
        ("a cut tar", "is a broken tar file: "),
        ("a cut xz", r"is a broken tar file \(xz\): Compressed file ended before the end-of-stream marker"),
        ("a checksum of gzip", r"is a broken tar file \(gz\): CRC check failed"),
        ("a packed text", r"is a broken tar file \(gz\): "),
        ("a zip's first part", "is a broken zip file: its directory, at the end, is not there"),
        ("a zip's last part", "is a broken zip file: the last of several parts"),
        ("a cut zip", "is a broken zip file: its directory, at the end, is not there.*with all its parts"),
        ("RAR", "is a RAR archive; expected .* Unpack it"),
        ("7-Zip", "is a 7-Zip archive"),
        ("Zstandard", "is a Zstandard archive"),
    ],
)
def test_archive_that_cannot_be_read_is_one_line_with_the_reason(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "odd.tar").write_bytes(damaged(write_folder(tmp_path / "pets"), kind))
    with pytest.raises(TrainableError, match=message) as caught:
        find_dataset(str(tmp_path / "odd.tar"), None, 0)
    assert "\n" not in str(caught.value)


def test_tar_that_may_miss_files_at_its_end_says_so(tmp_path: Path) -> None:
    whole = pack(write_folder(tmp_path / "pets"), tmp_path / "pets.tar").read_bytes()
    (tmp_path / "open.tar").write_bytes(whole[: len(whole.rstrip(b"\0")) // 512 * 512 + 512])
    (tmp_path / "two.tar").write_bytes(whole + whole)
    assert "no mark at its end: it may have been cut off" in find_dataset("open", tmp_path, 0).notes[0]
    assert "holds more behind the mark of its end" in find_dataset("two", tmp_path, 0).notes[0]


def test_zip_with_windows_separators_is_the_folder_it_was_made_of(tmp_path: Path) -> None:
    archive = pack(write_folder(tmp_path / "pets"), tmp_path / "pets.zip")
    expected = load(archive).info.fingerprint
    content = archive.read_bytes()
    for name in (b"cat", b"dog"):
        content = content.replace(b"pets/%s/" % name, b"pets\\%s\\" % name)
    (tmp_path / "windows.zip").write_bytes(content.replace(b"pets/", b"pets\\"))
    assert load("windows", tmp_path).info.fingerprint == expected
