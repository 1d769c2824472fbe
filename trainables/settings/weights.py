"""Finds the file of a backbone's weights: one named by its path, or one that Keras publishes, here or downloaded."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from trainables.datasets.download import Publisher, download
from trainables.datasets.locate import keras_folder
from trainables.datasets.progress import Progress
from trainables.errors import DatasetMissing, FileMissing
from trainables.settings.backbones import BACKBONES, WeightsFile

IMAGENET, RANDOM = "imagenet", "none"
_TIMEOUT_S = 10
_CHUNK = 1 << 20


class WeightsMissing(FileMissing):
    """Weights are neither on the disk nor to be had from the network; a smoke run takes random ones."""

    instead: ClassVar[Mapping[str, object]] = {"weights": RANDOM}


def keras_models() -> Path:
    """Return the folder where Keras keeps weights."""
    return keras_folder() / "models"


def weights_at_hand(
    weights: str, network: str, alpha: float, image_size: tuple[int, int], data_dir: Path | None
) -> Path | None:
    """Return the file on this machine, or None for published weights that are not here.

    Raises WeightsMissing for a path without a file.
    """
    if weights == IMAGENET:
        name = BACKBONES[network].weights_file(alpha, image_size).name
        return next((path for folder in _folders(data_dir) if (path := folder / name).is_file()), None)
    given = Path(weights).expanduser()
    tried = [data_dir / given, given] if data_dir and not given.is_absolute() else [given]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise WeightsMissing(
            f"no weights file at {' or '.join(map(str, tried))}; expected weights to be imagenet, none, or the path of "
            "an .h5 file, relative to the data directory. Check the path."
        )
    return found


def weights_name(weights: str, network: str, alpha: float, image_size: tuple[int, int]) -> str:
    """Return the name of a file of weights: the path that was given, or the name under which Keras publishes it."""
    return BACKBONES[network].weights_file(alpha, image_size).name if weights == IMAGENET else weights


def check_weights(
    weights: str, network: str, alpha: float, image_size: tuple[int, int], data_dir: Path | None
) -> Path | None:
    """Return the file on this machine, None where a trial will download it; raises WeightsMissing where it cannot."""
    path = weights_at_hand(weights, network, alpha, image_size, data_dir)
    if path is not None:
        return path
    file = BACKBONES[network].weights_file(alpha, image_size)
    try:
        with urllib.request.urlopen(urllib.request.Request(file.address, method="HEAD"), timeout=_TIMEOUT_S):
            return None
    except OSError as error:
        raise _missing(network, file, data_dir, f"{file.address} cannot be had ({_reason(error)})") from error


def obtain_weights(
    weights: str, network: str, alpha: float, image_size: tuple[int, int], data_dir: Path | None
) -> Path:
    """Return the file on this machine, downloaded into Keras' cache if need be. Raises WeightsMissing."""
    path = weights_at_hand(weights, network, alpha, image_size, data_dir)
    if path is not None:
        return path
    file = BACKBONES[network].weights_file(alpha, image_size)

    def fetch(name: str, address: str, target: Path) -> None:
        _fetch(file, target)

    try:
        return download(file.name.removesuffix(".h5"), Publisher(file.address, ".h5", fetch), keras_models())
    except DatasetMissing as error:
        raise _missing(network, file, data_dir, str(error)) from error


def digest_of(path: Path) -> str:
    """Return a digest of the file's content, 32 hexadecimal digits."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _folders(data_dir: Path | None) -> list[Path]:
    return [*([data_dir / "weights"] if data_dir else []), keras_models()]


def _fetch(file: WeightsFile, target: Path) -> None:
    """Download the file; raises OSError when it cannot be reached, or arrives incomplete or changed."""
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(file.address, timeout=_TIMEOUT_S) as response, target.open("wb") as out:
        expected = int(response.headers.get("Content-Length") or 0)
        with Progress(f"downloading {file.name}", expected >> 20, "MB") as progress:
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                digest.update(chunk)
                progress.advance()
    if expected and target.stat().st_size != expected:
        raise OSError(f"{target.stat().st_size:,} of {expected:,} bytes arrived")
    if file.md5 and digest.hexdigest() != file.md5:
        raise OSError("what arrived is not the file that Keras publishes")


def _missing(network: str, file: WeightsFile, data_dir: Path | None, reason: str) -> WeightsMissing:
    where = " and ".join(str(folder) for folder in _folders(data_dir))
    verb = "has" if data_dir is None else "have"
    return WeightsMissing(
        f"the imagenet weights of {network} are not at hand: {where} {verb} no {file.name}, and {reason}. Put the file "
        "there, name another with weights=PATH, or take random ones with weights=none."
    )


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error)
