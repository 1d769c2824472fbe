"""This node's folder of decoded data: written once, opened as memory maps by every process, bounded in size."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.durable import put_in_place
from trainables.errors import TrainableError

MANIFEST = "manifest.json"
DEFAULT_LIMIT_GB = 20.0
_BLOCK = 4096
_NUM_BLOCKS = 256
_in_use: dict[tuple[str, int], int] = {}
"""Descriptors by (lock file, process); the shared lock of each one keeps an entry from being evicted."""
_MOST_IN_USE = 16
"""Number of entries that one process keeps: a search over many image sizes must let go of the first ones."""


def default_cache_dir() -> Path:
    """Return SEARCH_CACHE_DIR, or else `keras-search` in the user's cache folder."""
    if chosen := os.environ.get("SEARCH_CACHE_DIR"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras-search"


def cache_limit() -> int:
    """Return the bytes that the cache may hold: SEARCH_CACHE_GB, or else 20 GB."""
    given = os.environ.get("SEARCH_CACHE_GB")
    try:
        limit = float(given) if given else DEFAULT_LIMIT_GB
    except ValueError:
        limit = -1.0
    if not limit > 0:
        raise TrainableError(f"SEARCH_CACHE_GB is {given!r}; expected a positive number of gigabytes. Set or unset it.")
    return int(limit * 1e9)


class BeingBuilt(Exception):
    """Another process builds the entry at this moment."""


def cached(
    cache_dir: Path, key: str, build: Callable[[Path], None], expected_bytes: int = 0, *, wait: bool = True
) -> Path:
    """Return the folder of `key`; if it is absent or torn, `build` makes it, by filling an empty folder.

    Any number of processes may ask at once: one builds, the others wait, or with `wait=False` raise BeingBuilt. The
    folder is not evicted while it is among the last 16 that a living process asked for. Raises TrainableError when the
    disk cannot hold it.
    """
    entry = cache_dir / key
    try:
        _keep(cache_dir, key)
        if not is_whole(entry):
            with _locked(_lock_path(cache_dir, key, "build"), wait):
                if not is_whole(entry):
                    make_room(cache_dir, expected_bytes)
                    _build(entry, build)
        os.utime(entry / MANIFEST)
    except OSError as error:
        raise TrainableError(
            f"the cache of decoded data in {cache_dir} cannot be written ({error.strerror or error}). "
            "Make room there, or name another folder with SEARCH_CACHE_DIR."
        ) from error
    return entry


def open_array(entry: Path, name: str) -> NDArray[np.generic]:
    """Return the array `name` of an entry, read-only, as a memory map."""
    array: NDArray[np.generic] = np.load(entry / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return array


def is_whole(entry: Path) -> bool:
    """Return whether every file is there with the size and the sampled digest that the manifest names."""
    try:
        manifest = json.loads((entry / MANIFEST).read_text())
        return all(
            (entry / name).stat().st_size == size and sampled_digest(entry / name) == digest
            for name, (size, digest) in manifest.items()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def sampled_digest(path: Path) -> int:
    """Return the CRC-32 of a file up to 1 MB, or of 256 evenly spaced blocks of a larger file.

    The first and the last block are among them. A file that was cut, zeroed or partly overwritten shows; a single
    changed byte of a large file may not. In exchange a warm cache of any size opens in milliseconds.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _BLOCK * _NUM_BLOCKS:
            return zlib.crc32(file.read())
        digest = 0
        for offset in np.linspace(0, size - _BLOCK, _NUM_BLOCKS).astype(int).tolist():
            digest = zlib.crc32(os.pread(file.fileno(), _BLOCK, offset), digest)
    return digest


def make_room(cache_dir: Path, expected_bytes: int) -> None:
    """Remove the entries that were opened longest ago, and are not in use, until `expected_bytes` fit in the limit.

    Raises TrainableError when the disk itself has no room for them.
    """
    entries = sorted(_entries(cache_dir), key=lambda entry: entry[1])
    total = sum(size for _, _, size in entries)
    limit = cache_limit()
    for entry, _, size in entries:
        if total + expected_bytes <= limit:
            break
        if _evict(cache_dir, entry):
            total -= size
    free = shutil.disk_usage(cache_dir).free
    if expected_bytes > free:
        raise TrainableError(
            f"decoded data needs {expected_bytes / 1e9:.1f} GB in {cache_dir}, where {free / 1e9:.1f} GB are free. "
            "Make room, choose a smaller image_size, or name another folder with SEARCH_CACHE_DIR."
        )


def _entries(cache_dir: Path) -> Iterator[tuple[Path, float, int]]:
    """Yield every whole entry with the time of its last opening and its size in bytes."""
    for manifest in cache_dir.glob(f"*/{MANIFEST}"):
        try:
            yield manifest.parent, manifest.stat().st_mtime, sum(f.stat().st_size for f in manifest.parent.iterdir())
        except FileNotFoundError:  # Another process evicts it at this moment.
            continue


def _evict(cache_dir: Path, entry: Path) -> bool:
    """Remove one entry and return True, unless a process, this one included, uses or builds it."""
    lock = _lock_path(cache_dir, entry.name, "use")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        doomed = entry.with_name(f"{entry.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)
        entry.rename(doomed)  # From here on nobody takes it for whole.
        shutil.rmtree(doomed)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def _build(entry: Path, build: Callable[[Path], None]) -> None:
    """Fill a folder beside the entry and put it in its place."""
    partial = entry.with_name(f"{entry.name}.partial")
    torn = entry.with_name(f"{entry.name}.torn")
    for leftover in (partial, torn):  # They are of a process that died; the build lock is ours.
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        build(partial)
        manifest = {path.name: (path.stat().st_size, sampled_digest(path)) for path in sorted(partial.iterdir())}
        (partial / MANIFEST).write_text(json.dumps(manifest))
        if entry.exists():
            entry.rename(torn)  # Other processes may still have it mapped: their pages stay valid.
        put_in_place(partial, entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(torn, ignore_errors=True)


def _keep(cache_dir: Path, key: str) -> None:
    """Hold a shared lock on the entry, so that nobody evicts it while it is among the latest of this process."""
    lock = _lock_path(cache_dir, key, "use")
    mine = (str(lock), os.getpid())
    descriptor = _in_use.pop(mine, -1)
    if descriptor < 0:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    _in_use[mine] = descriptor  # The dictionary is in the order of use.
    while len(_in_use) > _MOST_IN_USE:
        os.close(_in_use.pop(next(iter(_in_use))))


@contextmanager
def _locked(lock: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file exclusively in the block; the system frees it when the process dies.

    Raises BeingBuilt where another process holds it and is not waited for.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise BeingBuilt from None
        yield
    finally:
        os.close(descriptor)


def _lock_path(cache_dir: Path, key: str, purpose: str) -> Path:
    locks = cache_dir / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return locks / f"{key}.{purpose}"
