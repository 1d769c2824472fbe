"""Finds out which container a path is, by its content: archives are recognized under any name."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from trainables.datasets.containers.container import Container
from trainables.datasets.containers.folder import Folder
from trainables.datasets.containers.tar_file import Mode, Tar
from trainables.datasets.containers.zip_file import Zip
from trainables.datasets.names import reason, shown
from trainables.errors import TrainableError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".zip")
"""Suffixes of archives that are looked for by the name of a data set; a path may have any suffix."""

_ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
"""First bytes of a zip file, of an empty one, and of the first of several parts."""
_PACKINGS: dict[bytes, Mode] = {b"\x1f\x8b": "r:gz", b"BZh": "r:bz2", b"\xfd7zXZ\0": "r:xz", b"\x5d\0\0": "r:xz"}
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"LZIP": "lzip",
    b"\x1f\x9d": "compress",
    b"MSCF": "cabinet",
}
"""First bytes of archives that are not read, with their names."""
_EXPECTED = "expected a folder, a zip file, or a tar file (plain, .gz, .bz2 or .xz)"


def container(path: Path) -> Container:
    """Return what reads the path; raises TrainableError for a file that is not an archive, or of a kind not read."""
    if path.is_dir():
        return Folder(path)
    start = _start(path)
    if start.startswith(_ZIP):
        return Zip(path)
    for mark, mode in _PACKINGS.items():
        if start.startswith(mark):
            return Tar(path, mode)
    for mark, kind in _OTHERS.items():
        if start.startswith(mark):
            raise TrainableError(
                f"{shown(str(path))} is a {kind} archive; {_EXPECTED}. Unpack it, and name the folder."
            )
    if _is_plain_tar(path):
        return Tar(path, "r:")
    if zipfile.is_zipfile(path):  # It has something in front of it, as an archive that unpacks itself.
        return Zip(path)
    raise TrainableError(f"{shown(str(path))} is neither a tar nor a zip file; {_EXPECTED}. Get it again.")


def is_npz(path: Path) -> bool:
    """Return whether the file is called .npz, or is a zip file that holds nothing but .npy files."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".npz":
        return True
    if not _start(path).startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # Damage of any kind is told when the file is read as an archive.
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _start(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise TrainableError(f"{shown(str(path))} is a pipe or a device; {_EXPECTED}. Name another.")
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise TrainableError(f"cannot read {shown(str(path))} ({reason(error)}); {_EXPECTED}.") from error


def _is_plain_tar(path: Path) -> bool:
    """Return whether the first block is a tar file's header, which has a checksum."""
    with path.open("rb") as file:
        block = file.read(tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True
