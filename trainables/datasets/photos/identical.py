"""Tells which image files show the same pixels, whatever else is written into them."""

from __future__ import annotations

from hashlib import blake2b

import PIL.Image

_SCAN, _END = b"\xda", b"\xff\xd9"
"""Mark of a JPEG's segment behind which the packed pixels lie, and the mark of their end."""
_ABOUT = frozenset(bytes([mark]) for mark in (*range(0xE0, 0xEE), 0xEF, 0xFE))
"""Marks of segments that hold no pixels: resolution, EXIF, a profile of colours, comments. 0xEE says how colours are
coded."""


def of_pixels(shown: PIL.Image.Image) -> bytes:
    """Return a digest of a decoded picture, the same for one in shades of grey and in colours."""
    return _digest(str(shown.size).encode() + shown.convert("RGB").tobytes())


def of_jpeg(data: bytes, turn: int) -> bytes:
    """Return a digest of the packed pixels of a JPEG file, which need not be decoded, and of how they are turned."""
    return _digest(bytes([turn]) + _packed(data))


def _packed(data: bytes) -> bytes:
    """Return the segments that make a JPEG's pixels, or all of a file whose segments cannot be followed."""
    place = 2  # Behind the mark of a JPEG.
    kept: list[bytes] = []
    while data[place : place + 1] == b"\xff":
        mark = data[place + 1 : place + 2]
        if mark == b"\xff":  # Such bytes may fill the space between segments.
            place += 1
            continue
        if mark == _SCAN:
            end = data.find(_END, place)
            return b"".join([*kept, data[place : end if end >= 0 else None]])
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if mark not in _ABOUT:
            kept.append(data[place : place + 2 + length])
        place += 2 + max(length, 2)
    return data


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
