"""Photographs as cameras, scanners and programs write them: each is read as one sees it, or told."""

import itertools
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.features
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.support.photo_folders import load, photo, write_folder
from trainables.datasets.find import find_dataset
from trainables.datasets.photos.picture import look, picture, silent_pillow
from trainables.errors import TrainableError

ORIENTATION = 0x0112
STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2), 6: np.rot90, 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}  # fmt: skip
"""Orientation -> how a camera that was held so stores an upright picture."""


def stored(orientation: int) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.ascontiguousarray(STORED[orientation](photo(0))))


def with_first(root: Path, name: str) -> Path:
    """The place of another first cat in a new data set."""
    (write_folder(root) / "cat" / "000.png").unlink()
    return root / "cat" / name


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", list(STORED))
def test_picture_stored_turned_is_upright_to_the_look_and_in_the_array(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"000.{suffix}"
    stored(orientation).save(path, exif=exif, lossless=True, quality=100, subsampling=0)
    assert look((path.name, path.read_bytes)).size == (12, 16)
    found = np.asarray(picture(path.read_bytes(), grey=False)).astype(int)
    assert np.abs(found - photo(0)).max() <= (30 if suffix == "jpg" else 0)


def raw_exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of (tag, type, count, four bytes of value or place)."""
    packed = b"".join(struct.pack("<HHI4s", *entry) for entry in sorted(entries))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4)


QUARTER = (ORIENTATION, 3, 1, b"\6\0\0\0")
ODD_EXIF = {
    "a fraction outside of the file": (raw_exif(QUARTER, (282, 5, 1, b"ab\0\0")), 6),
    "a fraction of another type": (raw_exif(QUARTER, (282, 2, 3, b"ab\0\0")), 6),
    "orientation 99": (raw_exif((ORIENTATION, 3, 1, b"\x63\0\0\0")), 1),
    "orientation 0": (raw_exif((ORIENTATION, 3, 1, bytes(4))), 1),
    "orientation as text": (raw_exif((ORIENTATION, 2, 2, b"6\0\0\0")), 1),
    "two orientations": (raw_exif((ORIENTATION, 3, 2, b"\6\0\3\0")), 6),
    "a part outside of the file": (raw_exif(QUARTER, (34665, 4, 1, b"\xff\xff\0\0")), 6),
    "garbage": (b"Exif\0\0II*\0\xff\xff\xff\x7f", 1),
    "no EXIF": (b"Exif\0\0hello", 1),
}


@pytest.mark.parametrize("kind", ODD_EXIF)
def test_odd_exif_costs_no_image(tmp_path: Path, kind: str) -> None:
    exif, orientation = ODD_EXIF[kind]
    stored(orientation).save(with_first(tmp_path / "pets", "000.jpg"), exif=exif, quality=100, subsampling=0)
    data = load(tmp_path / "pets")
    assert data.info.notes == ()
    assert np.abs(data.train.images[0].astype(int) - photo(0)).max() <= 30


def test_damaged_resolution_costs_no_tiff(tmp_path: Path) -> None:
    path = with_first(tmp_path / "pets", "000.tif")
    stored(6).save(path, tiffinfo={ORIENTATION: 6, 282: 72.0})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<HHI", 282, 5, 1), struct.pack("<HHI", 282, 2, 3)))
    assert find_dataset(str(tmp_path / "pets"), None, 0).notes == ()
    assert np.array_equal(load(tmp_path / "pets").train.images[0], photo(0))


def grey(value: int = 0) -> PIL.Image.Image:
    return PIL.Image.new("L", (16, 12), value)


def palette_with_a_hole() -> PIL.Image.Image:
    image = PIL.Image.new("P", (16, 12), 1)
    image.putpalette([255, 0, 0, 10, 20, 30])
    image.info["transparency"] = 1
    return image


def hole_in_16_bits() -> PIL.Image.Image:
    image = PIL.Image.fromarray(np.full((12, 16), 0x8012, np.uint16))
    image.info["transparency"] = 0x8012
    return image


ODD_PICTURES: dict[str, tuple[PIL.Image.Image, str, object]] = {
    "16 bits": (PIL.Image.fromarray(np.full((12, 16), 0x80FF, np.uint16)), "png", [128] * 3),
    "16 bits of a scanner": (PIL.Image.fromarray(np.full((12, 16), 0x80FF, np.uint16)), "tif", [128] * 3),
    "four inks": (PIL.Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "tif", [255, 0, 0]),
    "a hole in a palette": (palette_with_a_hole(), "png", [255] * 3),
    "a hole in 16 bits": (hole_in_16_bits(), "png", [255] * 3),
    "a hole in grey": (PIL.Image.new("LA", (16, 12), (7, 0)), "png", [255] * 3),
    "half transparent": (PIL.Image.new("RGBA", (16, 12), (0, 0, 0, 128)), "png", [127] * 3),
    "one bit": (PIL.Image.new("1", (16, 12), 1), "png", [255] * 3),
    "YCbCr": (PIL.Image.new("YCbCr", (16, 12), (128, 128, 128)), "tif", [128] * 3),
    "JFIF": (PIL.Image.new("RGB", (16, 12), (9, 9, 9)), "jfif", [9] * 3),
    "portable pixmap": (PIL.Image.new("RGB", (16, 12), (9, 8, 7)), "ppm", [9, 8, 7]),
}


@pytest.mark.parametrize("kind", ODD_PICTURES)
def test_every_kind_of_pixel_becomes_colours(tmp_path: Path, kind: str) -> None:
    image, suffix, expected = ODD_PICTURES[kind]
    path = with_first(tmp_path / "pets", f"000.{suffix}")
    image.save(path, {"tif": "TIFF", "jfif": "JPEG", "ppm": "PPM"}.get(suffix, "PNG"))
    data = load(tmp_path / "pets")
    assert data.info.notes == ()
    assert (data.train.images[0] == expected).all()


def test_picture_turned_by_words_of_its_metadata_is_upright(tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    path = tmp_path / "000.tif"
    stored(6).save(path, tiffinfo={700: xmp})
    assert look((path.name, path.read_bytes)).size == (12, 16)
    assert np.array_equal(np.asarray(picture(path.read_bytes(), grey=False)), photo(0))


def test_files_that_show_the_same_are_identical_whatever_else_they_hold(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E], exif[ORIENTATION] = "a cat", 1
    wide = PIL.Image.fromarray(photo(0, 60, 80))
    wide.save(tmp_path / "a.jpg")
    wide.save(tmp_path / "b.jpg", exif=exif, comment="hello", dpi=(300, 300), icc_profile=b"\xff\xd9" * 9)
    (tmp_path / "c.jpg").write_bytes((tmp_path / "b.jpg").read_bytes() + b"behind its end")
    for suffix in ("png", "bmp", "webp", "tiff"):
        wide.save(tmp_path / f"a.{suffix}", dpi=(72, 72), lossless=True)
    for other, name in ((wide.convert("L"), "grey"), (wide.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), "flipped")):
        other.save(tmp_path / f"{name}.png")
        other.save(tmp_path / f"{name}.jpg")
    exif[ORIENTATION] = 3
    wide.save(tmp_path / "turned.jpg", exif=exif)
    wide.save(tmp_path / "worse.jpg", quality=60)
    wide.convert("L").convert("RGB").save(tmp_path / "grey.bmp")
    groups: dict[bytes, set[str]] = {}
    for path in tmp_path.iterdir():
        groups.setdefault(look((path.name, path.read_bytes)).pixels, set()).add(path.name)
    alike = [group for group in groups.values() if len(group) > 1]
    assert sorted(map(sorted, alike)) == [
        ["a.bmp", "a.png", "a.tiff", "a.webp"], ["a.jpg", "b.jpg", "c.jpg"], ["grey.bmp", "grey.png"],
    ]  # fmt: skip


def test_copies_in_another_format_or_with_metadata_are_never_in_two_splits(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    for path in sorted(root.rglob("*.png")):
        PIL.Image.open(path).save(path.with_suffix(".bmp"))
    data = load(root)
    seen = [{image.tobytes() for image in split.take()[0]} for split in (data.train, data.validation, data.test)]
    assert [len(first & other) for first, other in itertools.combinations(seen, 2)] == [0, 0, 0]


def deep(root: Path, factor: int, suffix: str = "png", dtype: type = np.uint16) -> Path:
    """A data set of grey pictures, of which the values are multiplied and written with more than 8 bits."""
    for path in sorted(write_folder(root).rglob("*.png")):
        values: NDArray[Any] = np.asarray(PIL.Image.open(path).convert("L")).astype(dtype) * factor
        path.unlink()
        PIL.Image.fromarray(values).save(path.with_suffix(f".{suffix}"))
    return root


def test_values_that_leave_the_upper_bits_empty_are_refused_or_told(tmp_path: Path) -> None:
    assert load(deep(tmp_path / "full", 257)).info.notes == ()
    (note,) = load(deep(tmp_path / "twelve", 16)).info.notes
    assert re.search(r"40 images of .* have 16 bits a pixel and values up to [34],\d+ only: .* hold 1[56] shades", note)
    for root in (deep(tmp_path / "eight", 1), deep(tmp_path / "long", 1, "tif", np.int32)):
        with pytest.raises(
            TrainableError, match=r"40 of 40 images .*cat/000.* \(values up to \d+ of 16 bits, black in the"
        ):
            load(root)


def test_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    path = with_first(tmp_path / "pets", "000.gif")
    grey(10).save(path, save_all=True, append_images=[grey(200)])
    assert (load(tmp_path / "pets").train.images[0] == 10).all()


@pytest.mark.skipif(not PIL.features.check("avif"), reason="this Pillow is built without AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    path = with_first(tmp_path / "pets", "000.avif")
    PIL.Image.new("RGB", (16, 12), (128, 128, 128)).save(path, quality=100)
    assert (np.abs(load(tmp_path / "pets").train.images[0].astype(int) - 128) < 3).all()


def test_what_no_picture_can_be_made_of_costs_itself(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", num=60)
    PIL.Image.fromarray(np.zeros((12, 16), np.float32)).save(root / "cat" / "float.tif")
    PIL.Image.fromarray(np.full((12, 16), 1 << 20, np.int32)).save(root / "dog" / "deep.tif")
    PIL.Image.fromarray(np.full((12, 16), 200, np.uint16)).save(root / "dog" / "dark.png")
    PIL.Image.fromarray(np.full((12, 16), -1000, np.int32)).save(root / "dog" / "ct.tif")
    (root / "dog" / "script.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    note = load(root).info.notes[0]
    assert note.startswith("5 of 125 images")
    for told in (
        "cat/float.tif (floating",
        "dog/ct.tif (pixels below zero)",
        "dog/dark.png (values up to 200 of 16 bits, black in the upper 8, which are read: write 8 bits a pixel)",
        "dog/deep.tif (more than 16 bits",
        "dog/script.jpg (no known image format)",
    ):
        assert told in note


def test_files_that_systems_leave_behind_are_no_images(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    expected = load(root).info
    for left in (
        "cat/@eaDir/000.png/SYNO_THUMB.jpg",
        "__MACOSX/cat/._000.png",
        "cat/.000.png",
        "#recycle/old/1.png",
        "#snapshot/a/cat/1.png",
        "cat/@__thumb/s1.jpg",
    ):
        (root / left).parent.mkdir(parents=True, exist_ok=True)
        (root / left).write_bytes((root / "dog" / "000.png").read_bytes())
    for left in ("Thumbs.db", "desktop.ini", ".DS_Store", "Icon\r"):
        (root / "cat" / left).write_bytes(b"index")
    assert load(root).info == expected


def test_files_that_are_not_read_are_counted_and_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/IMG_0001", "dog/box.xml"):
        (root / name).write_bytes(b"content")
    (root / "README").write_text("of the data set itself")
    assert find_dataset(str(root), None, 0).notes == (
        f"not read as images in {root}: 2 .heic (cat/a.heic), 1 without a suffix (dog/IMG_0001), 1 .xml (dog/box.xml); "
        "convert photographs to .jpg to have them read; give images their suffix to have them read",
    )


def test_picture_of_too_many_pixels_is_told_and_not_decoded() -> None:
    header = b"P6 100000 100000 255\n" + bytes(100)
    with silent_pillow():
        assert "decompression bomb" in look(("huge.ppm", lambda: header)).unreadable
