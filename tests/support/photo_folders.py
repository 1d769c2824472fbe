"""Small photographs in class folders and archives, and how a trial loads them."""

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainables.data import Data
from trainables.datasets.load import load_data
from trainables.trial import Trial


def photo(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth random picture, as JPEG keeps it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, channels), np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse.squeeze()).resize((width, height), PIL.Image.Resampling.BICUBIC))


def write_folder(root: Path, num: int = 20, classes: tuple[str, ...] = ("cat", "dog"), first_seed: int = 0) -> Path:
    """`num` different PNG pictures of 12x16 in each class folder."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(num):
            seed = first_seed + label * num + number
            PIL.Image.fromarray(photo(seed)).save(root / name / f"{number:03d}.png")
    return root


def load(path: Path | str, data_dir: Path | None = None, **settings: object) -> Data:
    return load_data({"dataset": str(path), **settings}, Trial(data_dir=data_dir))


def pack(folder: Path, target: Path, method: int = zipfile.ZIP_STORED) -> Path:
    """The folder as an archive of the kind that the target's suffix names."""
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", method) as archive:
            for path in sorted(folder.rglob("*"), reverse=True):
                archive.write(path, path.relative_to(folder.parent))
        return target
    modes: dict[str, Literal["w", "w:gz", "w:bz2", "w:xz"]] = {
        "ar": "w", "gz": "w:gz", "z2": "w:bz2", "xz": "w:xz",
    }  # fmt: skip
    with tarfile.open(target, modes[target.suffix[-2:]]) as tar:
        tar.add(folder, folder.name)
    return target


def patch_headers(path: Path, offset: int, value: bytes, only: bytes = b"") -> Path:
    """Write into all headers of a zip file, or into those whose member's name ends so, at an offset in the first."""
    content = bytearray(path.read_bytes())
    for mark, further, names in ((b"PK\3\4", 0, 30), (b"PK\1\2", 2, 46)):
        place = -1
        while (place := content.find(mark, place + 1)) >= 0:
            length = int.from_bytes(content[place + 26 + further : place + 28 + further], "little")
            if content[place + names : place + names + length].endswith(only):
                content[place + offset + further : place + offset + further + len(value)] = value
    path.write_bytes(content)
    return path
