"""What a folder, a tar file and a zip file have in common: a listing of their files, and how each file is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from trainables.datasets.catalogue import digest
from trainables.datasets.names import shown
from trainables.errors import TrainableError

Read = Callable[[], bytes]
"""Reads one file; any exception that it raises concerns this file alone."""

LARGEST_FILE = 1 << 30
"""Bytes of the largest file that is read: no photograph is larger, and an archive may claim any size."""


@dataclass(frozen=True)
class Listing:
    """What a container holds; paths are relative, with forward slashes."""

    files: list[str]
    folders: list[str]
    notes: tuple[str, ...] = ()
    """Sentences about what was not followed, or may be missing."""


class Container(Protocol):
    """A place that holds files."""

    @property
    def path(self) -> Path:
        """The folder or the archive file."""

    def identity(self) -> str:
        """Return a digest that changes when a file is added, removed or written."""

    def listing(self) -> Listing:
        """Return all files; raises TrainableError for an archive that cannot be read as a whole."""

    def contents(self, members: Collection[str]) -> AbstractContextManager[Iterator[tuple[str, Read]]]:
        """Return a context that yields pairs (member, how to read it), in the quickest order.

        A Read may be called in any thread until the context ends.
        """


def check_inside(name: str, path: Path) -> None:
    """Raise TrainableError for a member of an archive whose path leads outside of it."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise TrainableError(
            f"{shown(str(path))} holds '{shown(name)}', a path that leads outside of the archive: it is refused. "
            "Get the archive from a source that you trust."
        )


def check_size(size: int) -> None:
    """Raise ValueError for a file whose size no photograph can have."""
    if not 0 <= size <= LARGEST_FILE:
        raise ValueError(f"{size / 1e9:,.1f} GB, more than any photograph has")


def file_identity(path: Path) -> str:
    """Return a digest of the file's size and time of change."""
    state = path.stat()
    return digest(f"{state.st_size} {state.st_mtime_ns}")
