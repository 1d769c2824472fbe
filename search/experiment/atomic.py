"""Files and folders that are whole or absent, also after a power cut: filled beside their place, flushed, renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

_TEMPORARY = ".tmp-"
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Errors of a disk, which every other file would meet too: it is full, over its quota, read-only or broken."""


class DiskRefuses(Exception):
    """A file could not be written for a reason that lies with the disk; `number` is the system's for it."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


@contextlib.contextmanager
def disk_told_apart() -> Iterator[None]:
    """Raise DiskRefuses for what lies with the disk; any other error of the block stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise DiskRefuses(error.errno) from error


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, whose name ends as `path` does, and put it in place of what is at `path`."""
    with _beside(path) as temporary:
        write(temporary)
        _flush(temporary)
        temporary.replace(path)
    flush_folder(path.parent)


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill an empty temporary folder and put it at `folder`; an older one there is removed just before."""
    with _beside(folder) as temporary:
        temporary.mkdir()
        write(temporary)
        for path in temporary.rglob("*"):
            flush_folder(path) if path.is_dir() else _flush(path)
        flush_folder(temporary)
        _remove(folder)
        temporary.rename(folder)
    flush_folder(folder.parent)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield the name of a temporary file or folder, which is gone at the end, renamed or removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays, because Keras tells formats by it; readers and mirrors leave out names that begin with a dot.
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{path.name}")
    _remove(temporary)  # A process with the same number was killed while it wrote.
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _flush(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


def flush_folder(folder: Path) -> None:
    """Make renames in a folder durable; a file system that cannot do that is left as it is."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Put `text` at `path` in one step."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Put `content` at `path` in one step."""
    write_file(path, lambda temporary: _write(temporary, content))


def _write(path: Path, content: bytes | memoryview) -> None:
    path.write_bytes(content)


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files and folders below `root` of processes that were killed while they wrote."""
    for path in list(root.rglob(f"{_TEMPORARY}*")):
        _remove(path)
