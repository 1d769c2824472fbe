"""A thousand damaged images and archives: each is read as it was looked at, or told in one line; none raises."""

import io
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image

from tests.support.photo_folders import pack, photo, write_folder
from trainables.datasets.arrays.npz import NpzSource
from trainables.datasets.photos.picture import look, picture, silent_pillow
from trainables.datasets.photos.resize import pixels, resized
from trainables.datasets.photos.source import PhotoSource
from trainables.errors import TrainableError

NUM_IMAGES, NUM_ARCHIVES, NUM_ARRAYS = 800, 200, 200


def flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 20))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def lose_a_piece(content: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(content))
    del content[place : place + rng.choice((1, 7, 512))]


def insert_a_piece(content: bytearray, rng: random.Random) -> None:
    place, source = rng.randrange(len(content)), rng.randrange(len(content))
    content[place:place] = content[source : source + rng.choice((1, 8, 512))]


def overwrite(content: bytearray, rng: random.Random) -> None:
    place, length = rng.randrange(len(content)), rng.choice((1, 2, 4, 16))
    content[place : place + length] = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))


def overwrite_the_start(content: bytearray, rng: random.Random) -> None:
    place = rng.randrange(min(len(content), 200))
    content[place : place + 2] = rng.randbytes(2)


DAMAGES: list[Callable[[bytearray, random.Random], None]] = [
    flip, cut, lose_a_piece, insert_a_piece, overwrite, overwrite_the_start,
]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    rng.choice(DAMAGES)(changed, rng)
    return bytes(changed)


def whole_images() -> list[bytes]:
    """One small image of each kind that is read."""
    image, exif = PIL.Image.fromarray(photo(0)), PIL.Image.Exif()
    exif[0x0112], exif[282] = 6, 72.0
    quarter, palette = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(photo(0)))), image.convert("P")
    kinds: list[tuple[PIL.Image.Image, str, dict[str, object]]] = [
        (quarter, "JPEG", {"exif": exif}),
        (image, "JPEG", {"progressive": True}),
        (image.convert("CMYK"), "JPEG", {}),
        (quarter, "PNG", {"exif": exif}),
        (palette, "PNG", {"transparency": bytes(range(256))}),
        (PIL.Image.fromarray(photo(0, channels=1).astype(np.uint16) * 256), "PNG", {}),
        (palette, "GIF", {"save_all": True, "append_images": [palette.rotate(180)]}),
        (image, "BMP", {}),
        (quarter, "WEBP", {"exif": exif}),
        (quarter, "TIFF", {"exif": exif, "compression": "tiff_lzw"}),
        (quarter, "TIFF", {"exif": exif}),
        (image.convert("1"), "TIFF", {"compression": "group4"}),
        (image, "JPEG2000", {}),
        (image, "PPM", {}),
    ]
    return [saved(image, kind, options) for image, kind, options in kinds]


def saved(image: PIL.Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_damaged_image_is_decoded_as_it_was_looked_at_or_told() -> None:
    rng, num_read = random.Random(0), 0
    images = whole_images()
    with silent_pillow():
        for number in range(NUM_IMAGES):
            content = damaged(images[number % len(images)], rng)
            sight = look((f"{number}.jpg", partial(bytes, content)))
            assert len(sight.unreadable.splitlines()) == bool(sight.unreadable)
            if sight.unreadable:
                continue
            for grey in (True, False):
                found = pixels(picture(content, grey=grey))
                assert found.shape == (*sight.size, 1 if grey else 3)
                assert resized(found, (9, 7)).shape == (9, 7, found.shape[2])
            num_read += 1
    assert NUM_IMAGES // 5 < num_read < NUM_IMAGES - NUM_IMAGES // 5, (
        "damage that is too small or too great tests nothing"
    )


def test_damaged_archive_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    rng, num_read = random.Random(0), 0
    folder = write_folder(tmp_path / "pets", num=4)
    kinds = [
        pack(folder, tmp_path / f"pets{suffix}").read_bytes() for suffix in (".tar", ".tgz", ".txz", ".zip", ".tbz2")
    ]
    source = PhotoSource("pets", tmp_path / "odd")
    for number in range(NUM_ARCHIVES):
        source.path.write_bytes(damaged(kinds[number % len(kinds)], rng))
        try:
            catalogue = source.catalogue()
            rows = [row for row, image in source.images(catalogue, (8, 8)) if image.shape[:2] == (8, 8)]
        except TrainableError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017  # either way is right
            continue
        assert sorted(rows) == list(range(len(catalogue.labels)))
        num_read += 1
    assert num_read > NUM_ARCHIVES // 20


def test_damaged_arrays_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    rng, num_read = random.Random(0), 0
    x, y = np.random.default_rng(0).integers(0, 256, (40, 5, 4), np.uint8), np.arange(40) % 2
    source = NpzSource("small", tmp_path / "small.npz")
    contents = []
    for save in (np.savez, np.savez_compressed):
        save(source.path, x_train=x, y_train=y)
        contents.append(source.path.read_bytes())
    for number in range(NUM_ARRAYS):
        source.path.write_bytes(damaged(contents[number % 2], rng))
        try:
            assert len(list(source.images(source.catalogue(), (5, 4)))) == 40
        except TrainableError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017  # either way is right
            continue
        num_read += 1
    assert NUM_ARRAYS // 50 < num_read < NUM_ARRAYS // 2
