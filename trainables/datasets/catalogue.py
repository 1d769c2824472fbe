"""What a data set holds, example by example, before any image is resized: labels, roles, identical images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.cache import cached, open_array
from trainables.trial import LabelForm

Size = tuple[int, int]
"""(height, width) in pixels."""
Image = NDArray[np.uint8]
"""An image of shape (height, width, channels), with values 0 to 255."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The readable examples of a data set in a fixed order; row i of every array is example i."""

    fingerprint: str
    """Digest of all examples and targets."""
    class_names: tuple[str, ...]
    """Names of the classes; empty where the targets are not classes."""
    labels: NDArray[np.int64]
    """Class numbers; all 0 where the targets are not classes."""
    roles: NDArray[np.int8]
    """Role of each example as published: TRAIN, VALIDATION or TEST of `splits`."""
    contents: NDArray[np.int64]
    """Numbers that are the same for identical images."""
    channels: int = 0
    """1 where all images are grey, 3 where not, 0 where there are no images."""
    smallest: Size = (0, 0)
    largest: Size = (0, 0)
    """Greatest height and width, after the least ones; all images share one size where these are equal."""
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shape of one example by the input's name, for data that are not images; the name is empty for a single input."""
    label_form: LabelForm = LabelForm.NUMBERS
    """Form in which the classes were given."""
    notes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Paths of the images inside a folder or an archive."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) where all images share it, else None."""
        return (*self.smallest, self.channels) if self.channels and self.smallest == self.largest else None


class Source(Protocol):
    """A place from which images come."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    @property
    def where(self) -> str:
        """Path of the data set, or the package that embeds it."""

    def identity(self) -> str:
        """Return a cheap digest that changes when the content does."""

    def catalogue(self) -> Catalogue:
        """Return the catalogue, after a look at every image; raises TrainableError for data that cannot be used."""

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Yield (row, image of the given size) for every row, in any order."""


def digest(*parts: str | bytes) -> str:
    """Return a digest of the parts, 32 hexadecimal digits, in which each part is told apart from its neighbours."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        # Names of files may hold bytes that are not UTF-8, as lone surrogates.
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


READING = 10
"""Version in the names of cache entries; it is raised when their fields, or how files are read, change."""


def open_catalogue(source: Source, cache_dir: Path) -> Catalogue:
    """Return the catalogue from the node's cache; the first to ask looks at every image."""
    key = f"catalogue-{READING}-{digest(source.name, source.where, source.identity())[:20]}"
    entry = cached(cache_dir, key, lambda folder: write_catalogue(source.catalogue(), folder))
    return _opened(entry, (entry / _TEXT).stat().st_ino)


@lru_cache(maxsize=8)
def _opened(entry: Path, _inode: int) -> Catalogue:
    """Return one object per process and file; a rebuilt file has another inode."""
    return read_catalogue(entry)


_ARRAYS = ("labels", "roles", "contents")
_TEXT = "catalogue.json"


def write_catalogue(catalogue: Catalogue, folder: Path) -> None:
    """Write the arrays as .npy files and the rest as JSON."""
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(catalogue, name))
    rest = {name: value for name, value in vars(catalogue).items() if name not in _ARRAYS}
    (folder / _TEXT).write_text(json.dumps(rest))


def read_catalogue(folder: Path) -> Catalogue:
    """Return what `write_catalogue` wrote; the arrays are memory maps."""
    fields: dict[str, Any] = {name: open_array(folder, name) for name in _ARRAYS}
    for name, value in json.loads((folder / _TEXT).read_text()).items():
        fields[name] = tuple(value) if isinstance(value, list) else value
    fields["input_shapes"] = {name: tuple(shape) for name, shape in fields["input_shapes"].items()}
    fields["label_form"] = LabelForm(fields["label_form"])
    return Catalogue(**fields)


def same_contents(digests: list[bytes]) -> NDArray[np.int64]:
    """Return numbers that are equal where the digests are."""
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(content, len(numbers)) for content in digests], np.int64)
