"""Reads a folder on disk; links in it are followed, as they are the user's own, each folder once."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from trainables.datasets.catalogue import digest
from trainables.datasets.containers.container import Listing, Read, check_size
from trainables.datasets.names import is_visible, reason, shown
from trainables.errors import TrainableError


@dataclass(frozen=True)
class Folder:
    """Reads the visible files below a folder."""

    path: Path

    def identity(self) -> str:
        """Return a digest of names, sizes and times of change, and of what else decides the classes and the notes."""
        found = self.listing()
        files = (f"{name} {_state(self.path / name)}" for name in sorted(found.files))
        return digest(*files, *sorted(found.folders), *found.notes)

    def listing(self) -> Listing:
        """Return the files of the folder, then those of folders to which links lead and that were not met before.

        Raises TrainableError for a folder that cannot be listed, because its images would be missing in silence.
        """
        return _Walk(self.path).listing()

    @contextmanager
    def contents(self, members: Collection[str]) -> Iterator[Iterator[tuple[str, Read]]]:
        """Yield the files in the order asked for."""
        yield ((member, partial(_read, self.path / member)) for member in members)


@dataclass
class _Walk:
    """What one walk through a folder has found so far."""

    root: Path
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    """Links to folders that are not followed yet."""
    met: set[tuple[int, int]] = field(default_factory=set)
    """(device, inode) of the folders that were listed, and of those that hold the root."""
    skipped: list[str] = field(default_factory=list)
    lost: list[Path] = field(default_factory=list)
    """Links to nothing whose names have no suffix, and which may have led to folders."""

    def listing(self) -> Listing:
        for parent in self.root.resolve().parents:
            self.met.add(_inode(parent))
        self._below(self.root)
        while self.links:
            self._below(self.links.pop(0))
        self._refuse_lost()
        return Listing(self.files, self.folders, self._notes())

    def _below(self, top: Path) -> None:
        """List everything below, without following links to folders."""
        for here, names, leaves in os.walk(top, onerror=_refuse):
            folder = Path(here)
            inside = folder.relative_to(self.root)
            if (inode := _inode(folder)) in self.met:
                self.skipped.append(shown(str(inside)))
                names.clear()
                continue
            self.met.add(inode)
            if inside.parts:
                self.folders.append(inside.as_posix())
            names[:] = sorted(name for name in names if is_visible((name,)))
            self.links += [folder / name for name in names if (folder / name).is_symlink()]
            self.files += [(inside / leaf).as_posix() for leaf in leaves]
            self.lost += [inside / leaf for leaf in leaves if is_visible((leaf,)) and _is_lost(folder / leaf)]

    def _refuse_lost(self) -> None:
        """Raise TrainableError for a link to nothing beside folders, since a class would be missing in silence."""
        beside = {Path(folder).parent for folder in self.folders}
        for link in self.lost:
            if link.parent in beside:
                raise TrainableError(
                    f"the link {shown(str(self.root / link))} leads to nothing; expected a folder, as beside it. Mend "
                    "or remove it."
                )

    def _notes(self) -> tuple[str, ...]:
        if not self.skipped:
            return ()
        num_more = len(self.skipped) - 5
        listed = ", ".join(self.skipped[:5]) + (f" and {num_more} more" if num_more > 0 else "")
        return (
            f"{len(self.skipped)} folders of {shown(str(self.root))} are not followed, since links lead there "
            f"to what is read already: {listed}",
        )


def _is_lost(path: Path) -> bool:
    return not path.suffix and path.is_symlink() and not path.exists()


def _inode(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


def _refuse(error: OSError) -> None:
    raise TrainableError(
        f"cannot list the folder {shown(str(error.filename))} ({reason(error)}). Make it readable, or remove it."
    ) from error


def _state(path: Path) -> str:
    """Return size and time of change, those of the link itself where it leads to nothing.

    A link that leads to nothing is told when it is read.
    """
    for look in (os.stat, os.lstat):
        try:
            state = look(path)
        except OSError:
            continue
        return f"{state.st_size} {state.st_mtime_ns}"
    return "gone"


def _read(path: Path) -> bytes:
    """Return the content of a regular file; to open a pipe or a device could wait for ever."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("a pipe or a device and no file")
    check_size(state.st_size)
    return path.read_bytes()
