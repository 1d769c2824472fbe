"""The features that a frozen backbone gives, computed once per node and shared by all trials as memory maps.

The images of a split are divided at 250, 500, 1,000, 2,000 ...: nested sample sizes share their pieces, and processes
that begin at the same time compute different ones, the largest first: it is half of all, so two processes take half as
long as one. A piece is computed when a trial asks for an image of it: pieces of
the test set at the trial's end, pieces of a growing training set once it has grown.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.datasets.cache import MANIFEST, BeingBuilt, cache_limit, cached, is_whole, open_array
from trainables.datasets.catalogue import digest
from trainables.datasets.progress import Progress
from trainables.engines.seeds import Stream, derived_seed

Array = NDArray[np.float32]
_FIRST_PIECE = 250
_AT_ONCE = 32
"""Number of images in one batch; larger batches fall out of the processor's caches."""
_ABOUT = "about.json"


@dataclasses.dataclass(frozen=True)
class About:
    """What a trial must know of the part that is computed beforehand, without building it."""

    shape: tuple[int, ...]
    """Shape of the features of one image."""
    parameters: int
    weights: int
    """Number of tensors that hold the parameters."""


class Extractor(Protocol):
    """Computes features; one is made only where some are missing."""

    about: About

    def __call__(self, images: NDArray[np.uint8], seed: int | None) -> Array:
        """Return features of images, shape (n, height, width, channels); with a seed, features of augmented images."""


class Features:
    """The features that one part of one backbone gives for the images of one data set."""

    def __init__(
        self, key: str, cache_dir: Path, data: Data, extractor: Callable[[], Extractor], augmentation: str = "none"
    ) -> None:
        """Keep what is needed to compute features; `extractor` is called once at most.

        `key` names everything on which the features depend, apart from rows and augmentation.
        """
        self._key, self._cache_dir, self._data, self._augmentation = key, cache_dir, data, augmentation
        self._make_extractor = extractor

    @cached_property
    def about(self) -> About:
        """The facts about the part, from the cache where it holds any of its features."""
        split = self._data.validation
        entry = self._cache_dir / self._name(split.index[: _bounds(len(split))[1]], 0)
        if not is_whole(entry):
            return self._extractor.about
        values = json.loads((entry / _ABOUT).read_text())
        return About(tuple(values["shape"]), values["parameters"], values["weights"])

    def data(self, copies: int = 0) -> tuple[Data, list[Split]] | None:
        """Return the data with features in place of images, and augmented copies of the training split.

        Returns None, after a message on standard error, where the features do not fit into the cache or onto the disk.
        """
        data = self._data
        asked = [(data.train, copy) for copy in range(1, copies + 1) or [0]]
        if not self._fit([*asked, (data.validation, 0), (data.test, 0)]):
            return None
        augmented = [self._of(data.train, copy) for copy in range(1, copies + 1)]
        train = augmented[0] if augmented else self._of(data.train)
        return Data(train, self._of(data.validation), self._of(data.test), data.info), augmented

    def _fit(self, asked: Sequence[tuple[Split, int]]) -> bool:
        """Return whether the splits, each in its copy, fit into the cache, and what is missing onto the disk."""
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        room, free = cache_limit(), shutil.disk_usage(self._cache_dir).free
        missing = self._bytes(
            end - begin
            for split, copy in asked
            for begin, end in pairwise(_bounds(len(split)))
            if not (self._cache_dir / self._name(split.index[begin:end], copy) / MANIFEST).is_file()
        )
        size = self._bytes(len(split) for split, _ in asked)
        if size <= room and missing <= free:
            return True
        print(
            f"the features of this trial take {size / 1e9:.1f} GB, {missing / 1e9:.1f} of them still to be stored; the "
            f"cache in {self._cache_dir} may hold {room / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB free: "
            "every epoch computes them anew. Raise SEARCH_CACHE_GB, or make room, to keep them.",
            file=sys.stderr,
        )
        return False

    def _bytes(self, rows: Iterable[int]) -> int:
        return sum(rows) * int(np.prod(self.about.shape)) * 4

    def _of(self, split: Split, copy: int = 0) -> Split:
        """Return the split with features in place of its images; copies from 1 on are augmented."""
        spans = list(pairwise(_bounds(len(split))))
        rows = FeatureRows(
            len(split.images),
            self.about.shape,
            split.index,
            lambda number, wait: self._piece(split, spans[number], copy, wait),
        )
        return dataclasses.replace(split, inputs=cast("NDArray[np.uint8]", rows))

    def _piece(self, split: Split, span: tuple[int, int], copy: int, wait: bool) -> Array:
        rows = split.index[slice(*span)]
        entry = cached(
            self._cache_dir,
            self._name(rows, copy),
            lambda folder: self._compute(split.images, rows, copy, folder),
            expected_bytes=self._bytes([len(rows)]),
            wait=wait,
        )
        return cast("Array", open_array(entry, "features"))

    def _compute(self, images: NDArray[np.uint8], rows: NDArray[np.int64], copy: int, folder: Path) -> None:
        path = folder / "features.npy"
        shape = (len(rows), *self.about.shape)
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        with path.open("r+b") as file:  # A full disk must be an error here, and not a signal at the first write.
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        starts = range(0, len(rows), _AT_ONCE)
        with Progress("computing features", len(starts), "batches") as progress:
            for start in starts:
                batch = rows[start : start + _AT_ONCE]
                seed = derived_seed(copy, Stream.LAYERS, int(batch[0])) if copy else None
                out[start : start + len(batch)] = self._extractor(images[batch], seed)
                progress.advance()
        out.flush()
        (folder / _ABOUT).write_text(json.dumps(dataclasses.asdict(self.about)))

    @cached_property
    def _extractor(self) -> Extractor:
        return self._make_extractor()

    def _name(self, rows: NDArray[np.int64], copy: int) -> str:
        seen_as = f"{self._augmentation} {copy}" if copy else ""
        return f"features-{digest(self._key, seen_as, rows.astype(np.int64).tobytes())}"


class FeatureRows:
    """Stands in for a split's images: gives features by the images' row numbers and opens each piece at first use."""

    dtype = np.dtype(np.float32)

    def __init__(
        self, rows: int, shape: tuple[int, ...], index: NDArray[np.int64], open_piece: Callable[[int, bool], Array]
    ) -> None:
        """Keep the features, each of `shape`, of the rows `index` of a data set that has `rows` rows.

        `open_piece` is called with the number of a piece and whether to wait for a process that computes it; else it
        raises BeingBuilt.
        """
        self.shape = (rows, *shape)
        self._index, self._open_piece = index, open_piece
        self._pieces: dict[int, Array] = {}
        self._bounds = _bounds(len(index))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.int64]) -> Array:
        """Return the features of some rows, shape (len(rows), ...)."""
        places = self._place[rows]
        number = np.searchsorted(self._bounds, places, side="right") - 1
        wanted = [int(i) for i in np.unique(number)]
        self._open(wanted)
        out = np.empty((len(places), *self.shape[1:]), np.float32)
        for i in wanted:
            mine = np.flatnonzero(number == i)
            out[mine] = self._pieces[i][places[mine] - self._bounds[i]]
        return out

    def _open(self, wanted: Sequence[int]) -> None:
        """Open pieces, and compute what nobody else computes, before waiting for those that others compute."""
        largest_first = sorted(wanted, key=lambda i: self._bounds[i] - self._bounds[i + 1])
        for wait in (False, True):
            for i in largest_first:
                if i not in self._pieces:
                    with suppress(BeingBuilt):
                        self._pieces[i] = self._open_piece(i, wait)

    @cached_property
    def _place(self) -> NDArray[np.int64]:
        """Position among the features of each row of the data set, or -1 for a row without features."""
        place = np.full(self.shape[0], -1)
        place[self._index] = np.arange(len(self._index))
        return place


def _bounds(size: int) -> list[int]:
    """Return 0, 250, 500, 1,000 ... as far as they are below `size`, and `size`."""
    bounds = [0]
    step = _FIRST_PIECE
    while step < size:
        bounds.append(step)
        step *= 2
    return [*bounds, size]
