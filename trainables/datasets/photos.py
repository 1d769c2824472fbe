"""Photographs in class folders: looked at once, then decoded to any size with all cores."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps

from trainables.datasets.catalogue import Catalogue, Image, Size, digest, same_contents
from trainables.datasets.containers import Container, Read, container
from trainables.datasets.layout import Layout, read_layout
from trainables.datasets.parallel import in_threads
from trainables.datasets.progress import Progress
from trainables.datasets.resize import pixels, resized
from trainables.errors import TrainableError

MOST_UNREADABLE = 0.05
"""Share of unreadable images beyond which a data set is refused."""
_NUM_LISTED = 10
_GREY_MODES = frozenset({"1", "L", "LA", "La"})


@dataclass(frozen=True)
class Sight:
    """What one look at an image shows."""

    member: str
    content: bytes
    size: Size
    grey: bool
    unreadable: str = ""
    """The reason, empty when it can be read."""


@dataclass(frozen=True)
class PhotoSource:
    """A folder of class folders, or a tar or zip file of one."""

    name: str
    path: Path

    @property
    def where(self) -> str:
        """The folder or the archive."""
        return str(self.path)

    def identity(self) -> str:
        """From sizes and times of change; the fingerprint is bound to the content."""
        return container(self.path).identity()

    def catalogue(self) -> Catalogue:
        """Decodes every image at a small scale, so that a broken one is known before any training."""
        files = container(self.path)
        layout = read_layout(*files.listing(), self.where)
        sights = {sight.member: sight for sight in _looked_at(self.name, files, layout.members)}
        return _catalogue(self.name, layout, [sights[member] for member in layout.members])

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """In the order in which the container is read."""
        rows = {member: row for row, member in enumerate(catalogue.members)}

        def decode(item: tuple[str, Read]) -> tuple[int, Image]:
            member, read = item
            try:
                return rows[member], resized(pixels(picture(read(), grey=catalogue.channels == 1)), size)
            except Exception as error:
                raise TrainableError(
                    f"cannot read {member} of {self.where} any more ({_reason(error)}). Did it change? Run again."
                ) from error

        with _silent_pillow(), container(self.path).contents(catalogue.members) as items:
            yield from in_threads(decode, items)


def picture(data: bytes, *, grey: bool) -> PIL.Image.Image:
    """An image file as an upright picture of mode L or RGB; transparent parts become white.

    The orientation that a camera wrote into the file (EXIF) is applied. Of an animation the first frame is taken.
    """
    with PIL.Image.open(io.BytesIO(data)) as opened:
        found: PIL.Image.Image = PIL.ImageOps.exif_transpose(opened)
        if found.mode.startswith("I"):  # 16 bits a pixel: keep the upper 8
            found = PIL.Image.fromarray((np.asarray(found).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
        elif found.mode == "F":
            raise ValueError("floating-point pixels")
        if found.has_transparency_data:
            found = found.convert("RGBA")
            found = PIL.Image.alpha_composite(PIL.Image.new("RGBA", found.size, "white"), found)
        return found.convert("L" if grey else "RGB")


def look(item: tuple[str, Read]) -> Sight:
    """Size, colour and content of one image file; a JPEG is decoded at an eighth of its size, but wholly read."""
    member, read = item
    try:
        data = read()
    except (FileNotFoundError, PermissionError) as error:
        return Sight(member, b"", (0, 0), False, str(error.strerror))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:  # the disk or the archive, not this image
        raise TrainableError(f"cannot read {member}: {error}. Check the disk, or get the archive again.") from error
    content = blake2b(data, digest_size=16).digest()
    try:
        with PIL.Image.open(io.BytesIO(data)) as opened:
            grey = opened.mode in _GREY_MODES or opened.mode.startswith("I")
            width, height = opened.size
            if opened.getexif().get(0x0112, 1) >= 5:  # a quarter turn is written into the file
                width, height = height, width
            opened.draft(None, (1, 1))
            opened.load()
            if opened.mode == "F":
                raise ValueError("floating-point pixels")
    except Exception as error:  # Pillow's decoders raise a dozen types for broken files
        return Sight(member, content, (0, 0), False, _reason(error))
    return Sight(member, content, (height, width), grey)


def _looked_at(name: str, files: Container, members: Collection[str]) -> Iterator[Sight]:
    with (
        _silent_pillow(),
        Progress(f"checking {name}", len(members)) as progress,
        files.contents(members) as items,
    ):
        for sight in in_threads(look, items):
            progress.advance()
            yield sight


def _catalogue(name: str, layout: Layout, sights: list[Sight]) -> Catalogue:
    """The catalogue of the readable images; raises TrainableError when too many are not."""
    unreadable = [sight for sight in sights if sight.unreadable]
    listed = ", ".join(f"{sight.member} ({sight.unreadable})" for sight in unreadable[:_NUM_LISTED])
    if len(unreadable) > _NUM_LISTED:
        listed += f" and {len(unreadable) - _NUM_LISTED} more"
    counted = f"{len(unreadable):,} of {len(sights):,} images of '{name}' cannot be read"
    if len(unreadable) > MOST_UNREADABLE * len(sights):
        raise TrainableError(
            f"{counted}; expected at most {MOST_UNREADABLE:.0%}. Get the files again, or remove them: {listed}."
        )
    rows = [row for row, sight in enumerate(sights) if not sight.unreadable]
    heights, widths = zip(*(sights[row].size for row in rows), strict=True)
    return Catalogue(
        fingerprint=digest(*(part for row in rows for part in (layout.paths[row], sights[row].content))),
        class_names=layout.class_names,
        labels=np.array(layout.labels, np.int64)[rows],
        roles=np.array(layout.roles, np.int8)[rows],
        contents=same_contents([sights[row].content for row in rows]),
        channels=1 if all(sights[row].grey for row in rows) else 3,
        smallest=(min(heights), min(widths)),
        largest=(max(heights), max(widths)),
        notes=(*layout.notes, *([f"{counted} and are skipped: {listed}"] if unreadable else [])),
        members=tuple(layout.members[row] for row in rows),
    )


def _reason(error: Exception) -> str:
    """One line, without the address of the buffer that Pillow was given."""
    if isinstance(error, PIL.UnidentifiedImageError):
        return "no known image format"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextmanager
def _silent_pillow() -> Iterator[None]:
    """Without Pillow's remarks on odd but readable files (corrupt EXIF, palettes with transparency)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        yield
