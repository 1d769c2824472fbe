"""Data sets that come as arrays of one image size: .npz files in Keras' layout, and scikit-learn's digits."""

from __future__ import annotations

import gzip
import importlib.util
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.catalogue import Catalogue, Image, Size, digest, same_contents
from trainables.datasets.names import reason, shown
from trainables.datasets.resize import resized
from trainables.datasets.splits import TEST, TRAIN
from trainables.errors import TrainableError

_ROLES = {"train": TRAIN, "test": TEST}
_LAYOUT = "x_train, y_train and, where published, x_test, y_test (uint8 images, whole-number labels from 0)"

CLASS_NAMES = {
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}  # fmt: skip
"""The classes' names where the files hold numbers only, in the order of the numbers."""


@dataclass(frozen=True)
class NpzSource:
    """`x_train, y_train` and, where a test set is published, `x_test, y_test` in one file."""

    name: str
    path: Path

    @property
    def where(self) -> str:
        """The file."""
        return shown(str(self.path))

    def identity(self) -> str:
        """From the checksums that the file keeps of its members: bound to the content, and read in milliseconds."""
        with self._told():
            file = zipfile.ZipFile(self.path)
        with file:
            return digest(*(f"{m.filename} {m.CRC} {m.file_size}" for m in file.infolist()))

    def catalogue(self) -> Catalogue:
        """Reads the whole file once, to know which images are identical."""
        images, labels, roles = self._read()
        return array_catalogue(self.name, images, labels, roles, self.identity())

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Rows in order."""
        return ((row, resized(image, size)) for row, image in enumerate(self._read()[0]))

    def _read(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]]:
        with self._told(), self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name[:2] in ("x_", "y_")}
            others = [name for name in file.files if name not in arrays]
        return _joined(self.where, arrays, others)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """One line for whatever is wrong with the file: its zip, its headers and its packing raise a dozen types."""
        try:
            yield
        except Exception as error:
            raise TrainableError(
                f"cannot read {self.where}: {reason(error)}. Expected an .npz file with {_LAYOUT}."
            ) from error


def _joined(
    where: str, arrays: Mapping[str, NDArray[np.generic]], others: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]]:
    """All images, shape (n, height, width, channels), labels and roles of a file's arrays."""
    parts = [part for part in _ROLES if f"x_{part}" in arrays and f"y_{part}" in arrays]
    if "train" not in parts:
        there = ", ".join(shown(name) for name in (*arrays, *others)) or "none"
        raise TrainableError(f"{where} has the arrays {there}; expected {_LAYOUT}.")
    images = [arrays[f"x_{part}"] for part in parts]
    labels = [arrays[f"y_{part}"] for part in parts]
    for part, x, y in zip(parts, images, labels, strict=True):
        if x.dtype != np.uint8 or x.ndim not in (3, 4) or not np.issubdtype(y.dtype, np.integer) or y.size != len(x):
            raise TrainableError(
                f"{where} has x_{part} {x.dtype} {x.shape} and y_{part} {y.dtype} {y.shape}; expected {_LAYOUT}."
            )
    if len({x.shape[1:] for x in images}) > 1 or images[0].shape[3:] not in ((), (1,), (3,)):
        raise TrainableError(
            f"{where} has images of shape {' and '.join(str(x.shape[1:]) for x in images)}; "
            "expected one shape (height, width) with no, 1 or 3 channels."
        )
    joined = np.concatenate(images).reshape(-1, *images[0].shape[1:3], *(images[0].shape[3:] or (1,)))
    roles = np.concatenate([np.full(len(x), _ROLES[part], np.int8) for part, x in zip(parts, images, strict=True)])
    return joined.astype(np.uint8, copy=False), np.concatenate([y.ravel() for y in labels]).astype(np.int64), roles


@dataclass(frozen=True)
class DigitsSource:
    """The 1,797 real 8x8 digits that scikit-learn brings; scikit-learn itself, slow to import, is only located."""

    name: str = "digits"
    where: str = "embedded in scikit-learn"

    def identity(self) -> str:
        """Of the file, which is 57 kB."""
        return digest(_digits_file().read_bytes())

    def catalogue(self) -> Catalogue:
        """No part of it is published as a test set."""
        images, labels = _read_digits()
        return array_catalogue(self.name, images, labels, np.zeros(len(labels), np.int8), self.identity())

    def images(self, catalogue: Catalogue, size: Size) -> Iterator[tuple[int, Image]]:
        """Rows in order."""
        return ((row, resized(image, size)) for row, image in enumerate(_read_digits()[0]))


def _digits_file() -> Path:
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise TrainableError("the digits of scikit-learn are not installed. Run `pip install scikit-learn`.")
    return path


def _read_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images, shape (1797, 8, 8, 1), from 0..16 scaled to 0..255, and labels."""
    with gzip.open(_digits_file(), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    return np.rint(table[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1), table[:, 64]


def array_catalogue(
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    roles: NDArray[np.int8],
    fingerprint: str,
) -> Catalogue:
    """The catalogue of images of one size; raises TrainableError for labels that leave a class empty."""
    num_classes = int(labels.max(initial=-1)) + 1
    counts = np.bincount(labels, minlength=num_classes) if labels.min(initial=0) >= 0 else np.zeros(1)
    if not len(labels) or not counts.all():
        raise TrainableError(
            f"the labels of '{name}' run from {labels.min(initial=0)} to {num_classes - 1} and leave "
            f"{int((counts == 0).sum())} of these classes without an image; expected every class from 0 on."
        )
    names = CLASS_NAMES.get(name, ())
    height, width, channels = images.shape[1:]
    return Catalogue(
        fingerprint=fingerprint,
        class_names=names if len(names) == num_classes else tuple(str(label) for label in range(num_classes)),
        labels=labels,
        roles=roles,
        contents=same_contents([blake2b(image.tobytes(), digest_size=16).digest() for image in images]),
        channels=channels,
        smallest=(height, width),
        largest=(height, width),
    )
