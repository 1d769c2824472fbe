"""A zip file, read as far as Python can decode it and refused with the reason where it cannot."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainables.datasets.containers.container import Listing, Read, check_inside, check_size, file_identity
from trainables.datasets.names import reason, shown
from trainables.errors import TrainableError

_ENCRYPTED = 0x1
_UTF_8 = 0x800
_READ_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "xz", 96: "JPEG", 98: "PPMd", 99: "AES"}
"""Methods by which other programs pack and which Python cannot read, by the format's numbers for them."""
_END, _LONGEST_END = b"PK\5\6", 22 + (1 << 16)


@dataclass(frozen=True)
class Zip:
    """Reads a zip file."""

    path: Path

    def identity(self) -> str:
        """Return a digest of the file's size and time of change."""
        return file_identity(self.path)

    def listing(self) -> Listing:
        """Return all members; raises TrainableError for damage, or for a member that could reach outside of it."""
        files: list[str] = []
        folders: list[str] = []
        with self._opened() as archive:
            for name, member in _by_path(archive).items():
                check_inside(name, self.path)
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise TrainableError(
                        f"{shown(str(self.path))} holds '{shown(name)}', which is a link; expected files and folders "
                        "only. Pack it again without links."
                    )
                (folders if name.endswith("/") else files).append(name)
        return Listing(files, folders)

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """Yield the members in the order asked for; a zip file has its own lock for several threads.

        Raises TrainableError where none of them can be read, whatever its content.
        """
        with self._opened() as archive:
            found = _by_path(archive)
            self._check_readable({name: found[name] for name in members if name in found})
            yield ((name, partial(_read, archive, found[name])) for name in members if name in found)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            if _is_last_of_several(self.path):
                raise ValueError("the last of several parts, which must be joined: zip -s 0 PARTS.zip --out WHOLE.zip")
            archive = zipfile.ZipFile(self.path)
        except Exception as error:  # A damaged directory raises half a dozen types, UnicodeDecodeError among them.
            why = "its directory, at the end, is not there" if "not a zip file" in str(error) else reason(error)
            raise TrainableError(
                f"{shown(str(self.path))} is a broken zip file: {why}. Copy or download it again, with all its parts."
            ) from error
        with archive:
            yield archive

    def _check_readable(self, members: Mapping[str, zipfile.ZipInfo]) -> None:
        whys = [_unreadable(member) for member in members.values()]
        if whys and all(whys):
            first = shown(next(iter(members)))
            raise TrainableError(
                f"none of the {len(whys):,} images in {shown(str(self.path))} can be read: '{first}' "
                f"is {whys[0]}. Unpack it with the program that packed it, and name the folder."
            )


def _by_path(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their paths; where a path occurs twice the last one counts, as when unpacking."""
    paths = [_path(member) for member in archive.infolist()]
    if not any("/" in path for path in paths):  # Some programs write Windows' separator, which the format forbids.
        paths = [path.replace("\\", "/") for path in paths]
    return dict(zip(paths, archive.infolist(), strict=True))


def _path(member: zipfile.ZipInfo) -> str:
    """Return the member's path; macOS writes UTF-8 without saying so, which Python takes for an old code page."""
    if member.flag_bits & _UTF_8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode()
    except UnicodeError:
        return member.filename


def _unreadable(member: zipfile.ZipInfo) -> str:
    """Return why the content of the member cannot be read, or an empty text where it may."""
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    if member.compress_type in _READ_METHODS:
        return ""
    return f"packed by {_METHODS.get(member.compress_type, f'method {member.compress_type}')}, which Python cannot read"


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if why := _unreadable(member):
        raise ValueError(why)
    check_size(member.file_size)
    return archive.read(member)


def _is_last_of_several(path: Path) -> bool:
    """Return whether the record at the file's end counts more than one part."""
    with path.open("rb") as file:
        file.seek(-min(_LONGEST_END, path.stat().st_size), 2)
        tail = file.read()
    place = tail.rfind(_END)
    number = int.from_bytes(tail[place + 4 : place + 6], "little") if place >= 0 else 0
    return number not in (0, 0xFFFF)  # The greater number says that the count stands elsewhere: a large file.
