"""Data sets that come as arrays: .npz files in Keras' layout, of images or of anything, and scikit-learn's digits."""

from __future__ import annotations

import gzip
import importlib.util
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.arrays.examples import Examples, joined, numbered_classes
from trainables.datasets.catalogue import Catalogue, Image, Size, digest, same_contents
from trainables.datasets.names import reason, shown
from trainables.datasets.photos.resize import resized
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError
from trainables.trial import LabelForm

_ROLES = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "valid": VALIDATION, "test": TEST}
_NAME = re.compile(rf"([xy])_({'|'.join(_ROLES)})(?:_(.+))?")
_LAYOUT = (
    "x_train, y_train and, where published, x_validation, y_validation, x_test, y_test; several inputs as x_train_NAME"
)

CLASS_NAMES = {
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}  # fmt: skip
"""Names of the classes, in the order of their numbers, where the files hold only numbers."""


@dataclass(frozen=True)
class NpzSource:
    """Reads a file with `x_train, y_train` and, where a test set is published, `x_test, y_test`."""

    name: str
    path: Path

    @property
    def where(self) -> str:
        """Path of the file."""
        return shown(str(self.path))

    def identity(self) -> str:
        """Return a digest of the checksums that the file keeps of its members, which are read in milliseconds."""
        with self._told():
            file = zipfile.ZipFile(self.path)
        with file:
            return digest(*(f"{m.filename} {m.CRC} {m.file_size}" for m in file.infolist()))

    def catalogue(self) -> Catalogue:
        """Return the catalogue; reads the whole file once, to know which images are identical."""
        parts, notes = self._read()
        if not _are_images(parts):
            return replace(joined(parts, self.where).catalogue(self.identity()), notes=notes)
        images, labels, roles = _joined_images(self.where, parts)
        names = numbered_classes(labels, self.where)
        found = array_catalogue(self.name, names, images, labels.astype(np.int64), roles, fingerprint=self.identity())
        is_column = all(y.ndim == 2 for _, y in parts.values())
        return replace(found, label_form=LabelForm.COLUMN if is_column else LabelForm.NUMBERS, notes=notes)

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Yield the images in the order of their rows."""
        images, _, _ = _joined_images(self.where, self._read()[0])
        return ((row, resized(image, size)) for row, image in enumerate(images))

    def examples(self) -> Examples:
        """Return all arrays, where they are not images."""
        return joined(self._read()[0], self.where)

    def _read(self) -> tuple[dict[int, tuple[Any, Any]], tuple[str, ...]]:
        """Return inputs and targets by role, and a note that names the arrays which are none of them."""
        with self._told(), self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            names = list(file.files)
            splits = [split for split in _ROLES if f"y_{split}" in names]
            used = [name for name in names if (found := _NAME.fullmatch(name)) and _is_used(found, splits)]
            arrays = {name: file[name] for name in used}
        roles = [_ROLES[split] for split in splits]
        parts = {role: _part(split, arrays) for split, role in zip(splits, roles, strict=True)}
        told = ", ".join(shown(name) for name in names) or "none"
        if TRAIN not in parts or len(parts) < len(splits) or not all(_is_given(x) for x, _ in parts.values()):
            raise TrainableError(f"{self.where} has the arrays {told}; expected {_LAYOUT}.")
        unread = ", ".join(shown(name) for name in names if name not in used)
        return parts, (f"not read in {self.where}: {unread} (read are {_LAYOUT})",) if unread else ()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise one line for whatever is wrong with the file: its zip, headers and packing raise a dozen types."""
        try:
            yield
        except Exception as error:
            raise TrainableError(
                f"cannot read {self.where}: {reason(error)}. Expected an .npz file with {_LAYOUT}."
            ) from error


def _is_used(name: re.Match[str], splits: Sequence[str]) -> bool:
    """Return whether an array of this name is read: the targets of these splits, and their inputs."""
    return name[2] in splits and (name[1] == "x" or name[3] is None)


def _part(split: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[Any, NDArray[Any]]:
    """Return inputs and targets of one split; inputs are an array, or a dict of named ones."""
    named = {
        found[3]: array
        for name, array in arrays.items()
        if (found := _NAME.fullmatch(name)) and found[1] == "x" and found[2] == split
    }
    return named[None] if list(named) == [None] else named, arrays[f"y_{split}"]


def _is_given(x: Any) -> bool:
    """Return whether there are inputs, either one without a name or all with names."""
    return not isinstance(x, Mapping) or (bool(x) and None not in x)


def _are_images(parts: Mapping[int, tuple[Any, Any]]) -> bool:
    """Return whether the arrays are grey or coloured images of 8 bits, with whole numbers for classes."""
    return all(
        not isinstance(x, Mapping)
        and x.dtype == np.uint8
        and (x.ndim == 3 or (x.ndim == 4 and x.shape[3] in (1, 3)))
        and np.issubdtype(y.dtype, np.integer)
        and y.shape in {(len(x),), (len(x), 1)}
        for x, y in parts.values()
    )


def _joined_images(
    where: str, parts: Mapping[int, tuple[Any, Any]]
) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.int8]]:
    """Return all images, shape (n, height, width, channels), labels and roles; raises TrainableError for none."""
    images, labels = zip(*parts.values(), strict=True)
    if len({x.shape[1:] for x in images}) > 1:
        raise TrainableError(
            f"{where} has images of shape {' and '.join(str(x.shape[1:]) for x in images)}; expected one shape."
        )
    if not all(len(x) for x in images):
        raise TrainableError(f"{where} has a split without images; expected some in each.")
    whole = np.concatenate(images).reshape(-1, *images[0].shape[1:3], *(images[0].shape[3:] or (1,)))
    roles = np.concatenate([np.full(len(x), role, np.int8) for role, x in zip(parts, images, strict=True)])
    return whole, np.concatenate([y.ravel() for y in labels]), roles


@dataclass(frozen=True)
class DigitsSource:
    """Reads the 1,797 real 8x8 digits that scikit-learn brings, without importing scikit-learn, which is slow."""

    name: str = "digits"
    where: str = "embedded in scikit-learn"

    def identity(self) -> str:
        """Return a digest of the file, which is 57 kB."""
        return digest(_digits_file().read_bytes())

    def catalogue(self) -> Catalogue:
        """Return the catalogue, in which no image is published as a test set."""
        images, labels = _read_digits()
        roles, names = np.zeros(len(labels), np.int8), numbered_classes(labels, self.where)
        return array_catalogue(self.name, names, images, labels, roles, fingerprint=self.identity())

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Yield the images in the order of their rows."""
        return ((row, resized(image, size)) for row, image in enumerate(_read_digits()[0]))


def _digits_file() -> Path:
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise TrainableError("the digits of scikit-learn are not installed. Run `pip install scikit-learn`.")
    return path


def _read_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images, shape (1797, 8, 8, 1), scaled from 0..16 to 0..255, and labels."""
    with gzip.open(_digits_file(), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    return np.rint(table[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1), table[:, 64]


def array_catalogue(
    name: str,
    numbered: tuple[str, ...],
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    roles: NDArray[np.int8],
    *,
    fingerprint: str,
) -> Catalogue:
    """Return the catalogue of images of one size; a published data set has its own names of the `numbered` classes."""
    names = CLASS_NAMES.get(name, ())
    height, width, channels = images.shape[1:]
    return Catalogue(
        fingerprint=fingerprint,
        class_names=names if len(names) == len(numbered) else numbered,
        labels=labels,
        roles=roles,
        contents=same_contents([blake2b(image.tobytes(), digest_size=16).digest() for image in images]),
        channels=channels,
        smallest=(height, width),
        largest=(height, width),
    )
