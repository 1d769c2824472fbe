"""Finds the source of a data set's images from its name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from trainables.datasets.arrays.npz import DigitsSource, NpzSource
from trainables.datasets.catalogue import Source
from trainables.datasets.containers.opening import ARCHIVE_SUFFIXES, is_npz
from trainables.datasets.download import PUBLISHERS, Publisher, download, fetch_through_tfds
from trainables.datasets.names import is_text, shown
from trainables.datasets.photos.source import PhotoSource
from trainables.errors import DatasetMissing, TrainableError
from trainables.wording import did_you_mean

_TFDS = "tfds:"
_UNPUBLISHED = {"animals": "its authors give no address that can be downloaded without an account"}
KNOWN = ("digits", *PUBLISHERS, *_UNPUBLISHED)
_SUFFIXES = (".npz", "", *ARCHIVE_SUFFIXES)
"""Suffixes of a data set in a folder, in the order of looking; no suffix is a folder."""


def keras_folder() -> Path:
    """Return the folder where Keras keeps its file of settings, data sets and weights: KERAS_HOME, else ~/.keras."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()


def keras_cache() -> Path:
    """Return the folder where Keras keeps data sets."""
    return keras_folder() / "datasets"


def locate(name: str, data_dir: Path | None) -> Source:
    """Return the source of the data set `name`: embedded, a path, in the data directory or Keras' cache, or downloaded.

    Raises DatasetMissing for a known data set that is nowhere, and TrainableError for a name that nobody knows.
    """
    if not is_text(name):  # The name is stored in the tables of the search.
        raise TrainableError(f"the name '{shown(name)}' of a data set is no UTF-8. Rename it, or make a link to it.")
    if name == "digits":
        return DigitsSource()
    if name.startswith(_TFDS):
        return _through_tfds(name)
    if _is_path(name):
        return _source(name, _existing(name, data_dir))
    found = _in_folders(name, [folder for folder in (data_dir, keras_cache()) if folder])
    return found or _downloaded(name, data_dir)


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name or name.startswith(("~", ".")) or name.endswith((".npz", *ARCHIVE_SUFFIXES))


def _existing(name: str, data_dir: Path | None) -> Path:
    """Return the path, relative to where the command runs, or else to the data directory."""
    given = Path(name).expanduser()
    for path in (given, data_dir / given) if data_dir else (given,):
        if path.exists():
            return path.resolve()
    raise TrainableError(
        f"no data set at {name}{f', nor below {data_dir}' if data_dir and not given.is_absolute() else ''}; expected a "
        "folder of class folders, a tar or zip file of one, or an .npz file. Check the path."
    )


def _in_folders(name: str, folders: list[Path]) -> Source | None:
    for folder in folders:
        for suffix in _SUFFIXES:
            path = folder / f"{name}{suffix}"
            if path.is_file() if suffix else path.is_dir():
                return _source(name, path.resolve())
    return None


def _source(name: str, path: Path) -> Source:
    return NpzSource(name, path) if is_npz(path) else PhotoSource(name, path)


def _downloaded(name: str, data_dir: Path | None) -> Source:
    if name not in KNOWN:
        raise TrainableError(_unknown(name, data_dir))
    try:
        if name in _UNPUBLISHED:
            raise DatasetMissing(_UNPUBLISHED[name])
        return _source(name, download(name, PUBLISHERS[name], keras_cache()))
    except DatasetMissing as error:
        folders = " and ".join(str(folder) for folder in (data_dir, keras_cache()) if folder)
        raise DatasetMissing(
            f"data set '{name}' is not at hand: {folders} has no {name}.npz, {name}/, {name}.tar or {name}.zip, "
            f"and {error}. Put it into a folder and name that with --data-dir."
        ) from error


def _unknown(name: str, data_dir: Path | None) -> str:
    """Return the message for a name that nobody knows, with the near ones."""
    here = _names_in(data_dir) if data_dir else set()
    hint = did_you_mean(name, {*KNOWN, *here}, more=(f"{_TFDS}NAME", "a path"))
    return f"unknown data set '{name}'{f', and {data_dir} has none of that name' if data_dir else ''}. {hint}"


def _names_in(folder: Path) -> set[str]:
    """Return the names of what may be data sets in the folder: archives, and folders that hold folders."""
    if not folder.is_dir():
        return set()
    suffixes = re.compile("(" + "|".join(re.escape(suffix) for suffix in _SUFFIXES if suffix) + ")$")
    archives = {suffixes.sub("", path.name) for path in folder.iterdir() if suffixes.search(path.name)}
    return archives | {path.name for path in folder.iterdir() if _holds_folders(path)}


def _holds_folders(path: Path) -> bool:
    """Return whether there are folders in a folder; one that cannot be read, such as lost+found, holds none."""
    try:
        return path.is_dir() and any(inside.is_dir() for inside in path.iterdir())
    except OSError:
        return False


def _through_tfds(name: str) -> Source:
    """Return a source of TensorFlow Datasets' images, written once as class folders into Keras' cache."""
    publisher = Publisher(name, "", fetch_through_tfds)
    try:
        return PhotoSource(name, download(name.removeprefix(_TFDS), publisher, keras_cache() / "tfds"))
    except DatasetMissing as error:
        raise DatasetMissing(f"data set '{name}' is not at hand: {error}. Check the name and the network.") from error
