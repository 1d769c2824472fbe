"""A tar file, packed by gzip, bzip2 or xz or not at all, read as far as it is whole and refused where it is not."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from trainables.datasets.containers.container import Listing, Read, check_inside, check_size, file_identity
from trainables.datasets.names import reason, shown
from trainables.errors import TrainableError

Mode = Literal["r:", "r:gz", "r:bz2", "r:xz"]
"""How the file is packed: not at all, or by gzip, bzip2 or xz."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Tar:
    """Reads a tar file; one that is not packed is read at any place by any thread."""

    path: Path
    mode: Mode

    def identity(self) -> str:
        """Return a digest of the file's size and time of change."""
        return file_identity(self.path)

    def listing(self) -> Listing:
        """Return all members; raises TrainableError for damage, or for a member that could reach outside of it."""
        files: list[str] = []
        folders: list[str] = []
        members, notes = self._members()
        for member in members:
            check_inside(member.name, self.path)
            if not (member.isreg() or member.isdir()) or member.issparse():
                kind, option = _kind(member)
                raise TrainableError(
                    f"{shown(str(self.path))} holds '{shown(member.name)}', which is {kind}; expected "
                    f"files and folders only. Pack it again {option}."
                )
            (folders if member.isdir() else files).append(member.name)
        return Listing(files, folders, tuple(f"{shown(str(self.path))} {note}" for note in notes))

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """Yield the members in the archive's order; where a path occurs twice the last counts, as when unpacking."""
        wanted = set(members)
        last = {member.name: member for member in self._members()[0] if member.isreg() and member.name in wanted}
        if self.mode == "r:":
            with self.path.open("rb") as file:
                yield ((name, partial(_piece, file.fileno(), m.size, m.offset_data)) for name, m in last.items())
        else:
            with tarfile.open(self.path, self.mode) as archive:
                yield self._streamed(archive, last)

    def _members(self) -> tuple[list[tarfile.TarInfo], list[str]]:
        """Return all members and notes; raises TrainableError for a broken archive."""
        try:
            # Python's own reader takes a damaged header for the end of the archive; ours raises.
            with tarfile.open(self.path, self.mode, tarinfo=_StrictInfo) as archive:
                return _every_member(archive)
        except Exception as error:  # The decoders and the reader of headers raise a dozen types.
            raise self._broken(error) from error

    def _streamed(self, archive: tarfile.TarFile, last: Mapping[str, tarfile.TarInfo]) -> Iterator[tuple[str, Read]]:
        """Yield the members of a packed archive, which only the thread that asks for the next one may read.

        It is read once, from its beginning to its end.
        """
        try:
            for member in archive:
                if member.name in last and member.offset == last[member.name].offset:
                    check_size(member.size)
                    stream = archive.extractfile(member)
                    yield member.name, partial(bytes, stream.read() if stream else b"")
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> TrainableError:
        packed = f" ({self.mode[2:]})" if self.mode[2:] else ""
        return TrainableError(
            f"{shown(str(self.path))} is a broken tar file{packed}: {reason(error)}. Copy or download it again."
        )


def _kind(member: tarfile.TarInfo) -> tuple[str, str]:
    """Return what a member is that is neither a file nor a folder, and how to pack without it."""
    if member.issparse():
        return "a file with holes", "without `--sparse`"
    if member.islnk():
        return "a second name of a file", "with `tar --hard-dereference`"
    return "a link or a device", "with `tar --dereference`"


class _StrictInfo(tarfile.TarInfo):
    """A header that raises where it is damaged in the middle of an archive, rather than end the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictInfo:
        """Return the header; raises ReadError for damage, and HeaderError, the archive's end, for zeros or no block."""
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(f"a damaged header: {error}") from error
            raise
        if found.size < 0:
            raise tarfile.ReadError("a damaged header: a negative size")
        return found


def _every_member(archive: tarfile.TarFile) -> tuple[list[tarfile.TarInfo], list[str]]:
    """Return all members of an archive that is whole, and notes on how it ends.

    Reads to the end of the file, since the checksum of packed content stands there.
    """
    members: list[tarfile.TarInfo] = []
    reached = -1
    while (member := archive.next()) is not None:
        if archive.offset <= reached:
            raise tarfile.ReadError("a damaged header leads backwards")
        reached = archive.offset
        members.append(member)
    file: Any = archive.fileobj
    notes = [] if file.tell() > archive.offset else ["has no mark at its end: it may have been cut off between files"]
    if any(any(chunk) for chunk in iter(partial(file.read, _CHUNK), b"")):
        notes.append("holds more behind the mark of its end, which is not read: is it two archives in one file?")
    return members, notes


def _piece(descriptor: int, size: int, offset: int) -> bytes:
    check_size(size)
    return os.pread(descriptor, size, offset)
