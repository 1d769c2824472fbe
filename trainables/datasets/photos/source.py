"""Photographs in class folders: looked at once, then decoded to any size with all cores."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.datasets.catalogue import Catalogue, Image, Size, digest, same_contents
from trainables.datasets.containers.container import Container, Read
from trainables.datasets.containers.opening import container
from trainables.datasets.names import shown
from trainables.datasets.photos.layout import Layout, read_layout
from trainables.datasets.photos.parallel import in_threads
from trainables.datasets.photos.picture import Sight, look, picture, silent_pillow, why_unreadable
from trainables.datasets.photos.resize import pixels, resized
from trainables.datasets.progress import Progress
from trainables.errors import TrainableError

MOST_UNREADABLE = 0.05
"""Share of unreadable images beyond which a data set is refused."""
_NUM_LISTED = 10
_WELL_USED = 1 << 14
"""Value of 16 bits from which on the upper 8 hold enough shades: a quarter of them."""


@dataclass(frozen=True)
class PhotoSource:
    """Reads a folder of class folders, or a tar or zip file of one."""

    name: str
    path: Path

    @property
    def where(self) -> str:
        """The folder or the archive, as it can be printed."""
        return shown(str(self.path))

    def identity(self) -> str:
        """Return a digest of sizes and times of change; only the fingerprint is bound to the content."""
        return container(self.path).identity()

    def catalogue(self) -> Catalogue:
        """Return the catalogue; decodes every image at a small scale, so that broken ones are known before training."""
        files = container(self.path)
        layout = read_layout(files.listing(), self.where)
        sights = {sight.member: sight for sight in _looked_at(self.name, files, layout.members)}
        if len(sights) < len(layout.members):
            raise TrainableError(f"{self.where} changed while it was read. Run again.")
        return _catalogue(self.name, layout, [sights[member] for member in layout.members])

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Yield the images in the order in which the container is read."""
        rows = {member: row for row, member in enumerate(catalogue.members)}

        def decode(item: tuple[str, Read]) -> tuple[int, Image]:
            member, read = item
            try:
                return rows[member], resized(pixels(picture(read(), grey=catalogue.channels == 1)), size)
            except Exception as error:
                raise TrainableError(
                    f"cannot read {shown(member)} of {self.where} any more ({why_unreadable(error)}). "
                    "Did it change? Run again."
                ) from error

        with silent_pillow(), container(self.path).contents(catalogue.members) as items:
            yield from in_threads(decode, items)


def _looked_at(name: str, files: Container, members: Collection[str]) -> Iterator[Sight]:
    with (
        silent_pillow(),
        Progress(f"checking {name}", len(members)) as progress,
        files.contents(members) as items,
    ):
        for sight in in_threads(look, items):
            progress.advance()
            yield sight


def _catalogue(name: str, layout: Layout, sights: list[Sight]) -> Catalogue:
    """Return the catalogue of the readable images; raises TrainableError when too many are not."""
    unreadable = [sight for sight in sights if sight.unreadable]
    listed = ", ".join(f"{shown(sight.member)} ({sight.unreadable})" for sight in unreadable[:_NUM_LISTED])
    if len(unreadable) > _NUM_LISTED:
        listed += f" and {len(unreadable) - _NUM_LISTED} more"
    counted = f"{len(unreadable):,} of {len(sights):,} images of '{name}' cannot be read"
    if len(unreadable) > MOST_UNREADABLE * len(sights):
        raise TrainableError(
            f"{counted}; expected at most {MOST_UNREADABLE:.0%}. Get the files again, or remove them: {listed}."
        )
    rows = [row for row, sight in enumerate(sights) if not sight.unreadable]
    notes = [*layout.notes, *([f"{counted} and are skipped: {listed}"] if unreadable else []), *_depth(name, sights)]
    heights, widths = zip(*(sights[row].size for row in rows), strict=True)
    return Catalogue(
        fingerprint=digest(*(part for row in rows for part in (layout.paths[row], sights[row].content))),
        class_names=layout.class_names,
        labels=np.array(layout.labels, np.int64)[rows],
        roles=np.array(layout.roles, np.int8)[rows],
        contents=same_contents([sights[row].pixels for row in rows]),
        channels=1 if all(sights[row].grey for row in rows) else 3,
        smallest=(min(heights), min(widths)),
        largest=(max(heights), max(widths)),
        notes=tuple(notes),
        members=tuple(layout.members[row] for row in rows),
    )


def _depth(name: str, sights: list[Sight]) -> list[str]:
    """Return a note where images of 16 bits a pixel use few of them, since the upper 8 are read."""
    deep = {sight.member: sight.brightest for sight in sights if sight.brightest is not None}
    brightest = max(deep.values(), default=0)
    if not brightest or brightest >= _WELL_USED:
        return []
    return [
        f"{len(deep):,} images of '{name}', as {shown(min(deep))}, have 16 bits a pixel and values up to {brightest:,} "
        f"only: the upper 8 bits, which are read, hold {(brightest >> 8) + 1} shades of grey"
    ]
