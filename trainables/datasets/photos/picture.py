"""Turns the bytes of an image file into an upright picture: the one way, whether it is looked at or decoded.

Two things differ from `keras.utils.image_dataset_from_directory`: the orientation that a camera wrote into the file is
applied, and transparent parts become white (there they keep whatever colour lies below).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import numpy as np
import PIL.Image

from trainables.datasets.catalogue import Size
from trainables.datasets.containers.container import Read
from trainables.datasets.names import reason
from trainables.datasets.photos.identical import of_jpeg, of_pixels

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "MPO", "AVIF", "DIB", "PPM", "JPEG2000")
"""Formats that are read, whatever a file is called. Pillow's others are left out: EPS starts a program, and none of
them holds photographs."""
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_ORIENTATION = 0x0112
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""Turns that make a picture upright, by EXIF's number for its orientation."""


@dataclass(frozen=True)
class Sight:
    """What one look at an image shows."""

    member: str
    content: bytes
    """Digest of the file."""
    size: Size
    """Height and width of the upright picture."""
    grey: bool
    brightest: int | None = None
    """Largest value of a pixel of 16 bits; None where pixels have 8 bits, or are read as such."""
    pixels: bytes = b""
    """Digest of what is seen, the same for files that differ in format or metadata only."""
    unreadable: str = ""
    """Reason why it cannot be read; empty when it can."""


def picture(data: bytes, *, grey: bool) -> PIL.Image.Image:
    """Return an image file as an upright picture of mode L or RGB; transparent parts become white.

    An animation gives its first frame. Raises any exception for a file that cannot be read.
    """
    with PIL.Image.open(io.BytesIO(data), formats=_formats()) as opened:
        return _plain(opened, grey=grey)


def look(item: tuple[str, Read]) -> Sight:
    """Return size, colour and content of one image file, which is read, turned and converted as `picture` does it.

    A JPEG is decoded at an eighth of its size. Whatever is wrong with a file becomes a reason in what is returned.
    """
    member, read = item
    content = b""
    try:
        data = read()
        content = blake2b(data, digest_size=16).digest()
        with PIL.Image.open(io.BytesIO(data), formats=_formats()) as opened:
            deep = opened.mode.startswith("I")
            grey = deep or opened.mode in _GREY_MODES
            width, height = whole = opened.size
            opened.draft(None, (1, 1))
            is_draft = opened.size != whole
            found = _plain(opened, grey=grey)
            if not is_draft:  # Turned as it is by whatever the file says, also in ways that only Pillow reads.
                width, height = found.size
            elif _orientation(opened) >= 5:  # The picture is turned by a quarter.
                width, height = height, width
            brightest = int(np.asarray(opened).max()) if deep else None
            pixels = of_jpeg(data, _orientation(opened)) if is_draft else of_pixels(found)
    except Exception as error:  # Files, archives and Pillow's decoders raise dozens of types for what is broken.
        return Sight(member, content, (0, 0), False, unreadable=why_unreadable(error))
    return Sight(member, content, (height, width), grey, brightest, pixels)


def why_unreadable(error: Exception) -> str:
    """Return the error as one line, without the address of the buffer that Pillow was given."""
    return "no known image format" if isinstance(error, PIL.UnidentifiedImageError) else reason(error)


@contextmanager
def silent_pillow() -> Iterator[None]:
    """Silence Pillow's warnings, in the block, on odd but readable files (corrupt EXIF, palettes with transparency)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        yield


@cache
def _formats() -> tuple[str, ...]:
    """Return those of our formats with which this Pillow was built."""
    PIL.Image.init()
    return tuple(name for name in _FORMATS if name in PIL.Image.OPEN)


def _orientation(opened: PIL.Image.Image) -> int:
    """Return the turn, 2 to 8, that still makes the loaded picture upright, or 1 for none or a value without meaning.

    Pillow gives size and pixels of a TIFF upright already.
    """
    if opened.format == "TIFF":
        return 1
    try:
        found = opened.getexif().get(_ORIENTATION, 1)
    except Exception:  # EXIF is read by Pillow's reader of TIFFs, and broken in as many ways; the pixels are whole.
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def _plain(opened: PIL.Image.Image, *, grey: bool) -> PIL.Image.Image:
    """Return the picture upright, of mode L or RGB, on white where it is transparent."""
    opened.load()
    turn = _TURNS.get(_orientation(opened))
    found: PIL.Image.Image = opened if turn is None else opened.transpose(turn)
    if found.mode == "F":
        raise ValueError("floating-point pixels")
    if found.mode.startswith("I"):
        found = _upper_bits(found)
    if found.has_transparency_data:
        found = found.convert("RGBA")
        found = PIL.Image.alpha_composite(PIL.Image.new("RGBA", found.size, "white"), found)
    return found.convert("L" if grey else "RGB")


def _upper_bits(found: PIL.Image.Image) -> PIL.Image.Image:
    """Return the upper 8 of 16 bits of each pixel; those of the value that the file calls transparent are white.

    Raises ValueError where those bits are empty, as of 8 bits that are written as 16, and for what is no such pixel.
    """
    values = np.asarray(found).astype(np.int64)
    if values.max(initial=0) > 0xFFFF:
        raise ValueError("more than 16 bits a pixel")
    if values.min(initial=0) < 0:
        raise ValueError("pixels below zero")
    if 0 < (brightest := values.max(initial=0)) < 1 << 8:
        raise ValueError(
            f"values up to {brightest} of 16 bits, black in the upper 8, which are read: write 8 bits a pixel"
        )
    transparent = found.info.get("transparency")
    return PIL.Image.fromarray(np.where(values == transparent, 0xFF, values >> 8).astype(np.uint8))
