"""Folders, tar and zip files as one thing: a list of files, and their bytes. Nothing is ever unpacked to disk."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from trainables.datasets.catalogue import digest
from trainables.errors import TrainableError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
Read = Callable[[], bytes]


class Container(Protocol):
    """Files by their relative paths, with forward slashes."""

    @property
    def path(self) -> Path:
        """The folder or the file."""

    def identity(self) -> str:
        """Changes when a file is added, removed or written."""

    def listing(self) -> tuple[list[str], list[str]]:
        """(files, folders)."""

    def contents(self, members: Collection[str]) -> AbstractContextManager[Iterator[tuple[str, Read]]]:
        """(member, how to read it) in the quickest order; a Read may be called in any thread until the context ends."""


def container(path: Path) -> Container:
    """What reads the path; raises TrainableError for a file that is no archive."""
    if path.is_dir():
        return Folder(path)
    if zipfile.is_zipfile(path):
        return Zip(path)
    try:
        with path.open("rb") as file:
            plain = file.read(2) != b"\x1f\x8b"
        if tarfile.is_tarfile(path):
            return Tar(path, plain)
    except (OSError, EOFError) as error:
        raise TrainableError(f"cannot read {path}: {error}. Expected a folder, a tar or a zip file.") from error
    raise TrainableError(f"{path} is neither a tar nor a zip file. Write it again, or unpack it into a folder.")


@dataclass(frozen=True)
class Folder:
    """A folder on disk; links in it are followed, as they are the user's own."""

    path: Path

    def identity(self) -> str:
        """Of names, sizes and times of change."""
        found = []
        for name in sorted(self.listing()[0]):
            path = self.path / name
            state = path.stat() if path.exists() else path.lstat()  # a link to nothing is met again when it is read
            found.append(f"{name} {state.st_size} {state.st_mtime_ns}")
        return digest(*found)

    def listing(self) -> tuple[list[str], list[str]]:
        """Walks the folder."""
        files: list[str] = []
        folders: list[str] = []
        for root, names, leaves in os.walk(self.path, followlinks=True):
            names[:] = [name for name in names if not name.startswith(".")]
            inside = Path(root).relative_to(self.path)
            folders += [(inside / name).as_posix() for name in names]
            files += [(inside / leaf).as_posix() for leaf in leaves]
        return files, folders

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """In the order asked for."""
        yield ((member, (self.path / member).read_bytes) for member in members)


@dataclass(frozen=True)
class Tar:
    """A tar file; one that is not compressed is read at any place by any thread."""

    path: Path
    plain: bool

    def identity(self) -> str:
        """Of size and time of change."""
        return _file_identity(self.path)

    def listing(self) -> tuple[list[str], list[str]]:
        """Refuses the whole archive for one member that could reach outside of it."""
        files: list[str] = []
        folders: list[str] = []
        for member in self._members():
            _check_inside(member.name, self.path)
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise TrainableError(
                    f"{self.path} holds '{member.name}', which is a link or a device; expected files and folders "
                    "only. Pack it again with `tar --dereference`."
                )
            (folders if member.isdir() else files).append(member.name)
        return files, folders

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """In the archive's order; where a path occurs twice the last one counts, as when unpacking."""
        wanted = set(members)
        last = {member.name: member for member in self._members() if member.isreg() and member.name in wanted}
        if self.plain:
            with self.path.open("rb") as file:
                yield ((name, _piece(file.fileno(), m.size, m.offset_data)) for name, m in last.items())
        else:
            with tarfile.open(self.path) as archive:
                yield _streamed(archive, last)

    def _members(self) -> list[tarfile.TarInfo]:
        try:
            with tarfile.open(self.path) as archive:
                return archive.getmembers()
        except (tarfile.TarError, OSError, EOFError) as error:
            raise TrainableError(f"{self.path} is a broken tar file ({error}). Copy or download it again.") from error


@dataclass(frozen=True)
class Zip:
    """A zip file."""

    path: Path

    def identity(self) -> str:
        """Of size and time of change."""
        return _file_identity(self.path)

    def listing(self) -> tuple[list[str], list[str]]:
        """Refuses the whole archive for one member that could reach outside of it."""
        files: list[str] = []
        folders: list[str] = []
        with zipfile.ZipFile(self.path) as archive:
            for member in archive.infolist():
                _check_inside(member.filename, self.path)
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise TrainableError(
                        f"{self.path} holds '{member.filename}', which is a link; expected files and folders only. "
                        "Pack it again without links."
                    )
                (folders if member.is_dir() else files).append(member.filename)
        return files, folders

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """In the order asked for; a zip file has its own lock for several threads."""
        with zipfile.ZipFile(self.path) as archive:
            yield ((member, partial(archive.read, member)) for member in members)


def _check_inside(name: str, path: Path) -> None:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts:
        raise TrainableError(
            f"{path} holds '{name}', a path that leads outside of the archive: it is refused. "
            "Get the archive from a source that you trust."
        )


def _file_identity(path: Path) -> str:
    state = path.stat()
    return digest(f"{state.st_size} {state.st_mtime_ns}")


def _piece(descriptor: int, size: int, offset: int) -> Read:
    return lambda: os.pread(descriptor, size, offset)


def _streamed(archive: tarfile.TarFile, last: Mapping[str, tarfile.TarInfo]) -> Iterator[tuple[str, Read]]:
    """A compressed archive is read from its beginning to its end, by the one thread that asks for the next."""
    for member in archive:
        if member.name in last and member.offset == last[member.name].offset:
            stream = archive.extractfile(member)
            yield member.name, partial(bytes, stream.read() if stream else b"")
