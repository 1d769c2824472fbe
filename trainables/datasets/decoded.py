"""Decodes the images of a data set at one size once per node; every process opens them as one memory map."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.cache import cached, open_array
from trainables.datasets.catalogue import READING, Catalogue, Size, Source
from trainables.datasets.progress import Progress
from trainables.errors import TrainableError


def open_images(source: Source, catalogue: Catalogue, size: Size, cache_dir: Path) -> NDArray[np.uint8]:
    """Return all images, shape (rows, height, width, channels), read-only, in the catalogue's order.

    The first process to ask on a node decodes them, with all cores, while the others wait.
    """
    shape = (len(catalogue.labels), *size, catalogue.channels)
    key = f"images-{READING}-{catalogue.fingerprint[:20]}-{size[0]}x{size[1]}x{catalogue.channels}"
    entry = cached(
        cache_dir,
        key,
        lambda folder: _decode(source, catalogue, shape, folder / "images.npy"),
        expected_bytes=int(np.prod(shape, dtype=np.int64)),
    )
    return cast("NDArray[np.uint8]", _mapped(entry, (entry / "images.npy").stat().st_ino))


@lru_cache(maxsize=8)
def _mapped(entry: Path, _inode: int) -> NDArray[np.generic]:
    """Return one map per process and file; a rebuilt file has another inode."""
    return open_array(entry, "images")


def _decode(source: Source, catalogue: Catalogue, shape: tuple[int, int, int, int], path: Path) -> None:
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:  # A full disk must be an error here, not a signal at the first write to the map.
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    num_done = 0
    with Progress(f"decoding {source.name} at {shape[1]}x{shape[2]}", shape[0]) as progress:
        for row, image in source.images(catalogue, shape[1:3]):
            out[row] = image
            num_done += 1
            progress.advance()
    if num_done != shape[0]:
        raise TrainableError(f"{source.where} changed while it was read: {num_done} of {shape[0]} images. Run again.")
    out.flush()
