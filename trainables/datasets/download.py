"""Downloads data sets from those who publish them into the cache of Keras; one line tells when it cannot."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from trainables.datasets.progress import Progress
from trainables.durable import put_in_place
from trainables.errors import DatasetMissing, TrainableError

_TIMEOUT_S = 10
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Publisher:
    """Where a data set is published, and how it becomes a file that `locate` finds."""

    address: str
    suffix: str
    """What follows the data set's name in the name of the file in the cache."""
    fetch: Callable[[str, str, Path], None]
    """Called with (name, address, target); writes the target; raises OSError or DatasetMissing."""


def fetch_file(name: str, address: str, target: Path) -> None:
    """Download a zip file; raises OSError when it cannot be reached or arrives incomplete."""
    with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as response, target.open("wb") as file:
        expected = int(response.headers.get("Content-Length") or 0)
        with Progress(f"downloading {name}", expected >> 20, "MB") as progress:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                progress.advance()
    if expected and target.stat().st_size != expected:
        raise OSError(f"{target.stat().st_size:,} of {expected:,} bytes arrived")
    if not zipfile.is_zipfile(target):
        raise OSError("what arrived is not a zip file")


_THROUGH_KERAS = """
import sys, numpy, keras
(x_train, y_train), (x_test, y_test) = getattr(keras.datasets, sys.argv[1]).load_data()
with open(sys.argv[2], "wb") as file:
    numpy.savez_compressed(file, x_train=x_train, y_train=y_train.ravel(), x_test=x_test, y_test=y_test.ravel())
"""


def fetch_through_keras(name: str, address: str, target: Path) -> None:
    """Let `keras.datasets` download, in a process of its own: this one may not import Keras."""
    request = urllib.request.Request(address, method="HEAD")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # This is known at once; Keras takes 5 s to start.
        pass
    _in_a_process(_THROUGH_KERAS, name, str(target))


_THROUGH_TFDS = """
import sys, pathlib, tensorflow_datasets as tfds
builder = tfds.builder(sys.argv[1])
builder.download_and_prepare()
names = builder.info.features["label"].names
kind = (builder.info.features["image"].encoding_format or "png").lower()
splits = [split for split in ("train", "validation", "test") if split in builder.info.splits]
for split in splits:
    root = pathlib.Path(sys.argv[2]) / (split if len(splits) > 1 else "")
    data = builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()})
    for number, example in enumerate(data.as_numpy_iterator()):
        folder = root / names[example["label"]].replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:07d}.{kind}").write_bytes(example["image"])
"""


def fetch_through_tfds(name: str, _address: str, target: Path) -> None:
    """Let TensorFlow Datasets prepare `name`, and write its images, as they are, into class folders."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise TrainableError(
            f"data set 'tfds:{name}' needs TensorFlow Datasets, which is not installed. "
            "Run `pip install tensorflow-datasets`, or `pip install keras-search[tfds]`."
        )
    target.mkdir(parents=True)
    _in_a_process(_THROUGH_TFDS, name, str(target))


KERAS_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
PUBLISHERS = {
    "mnist": Publisher(f"{KERAS_STORE}/mnist.npz", ".npz", fetch_through_keras),
    "fashion_mnist": Publisher(f"{KERAS_STORE}/train-labels-idx1-ubyte.gz", ".npz", fetch_through_keras),
    "cifar10": Publisher("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", ".npz", fetch_through_keras),
    "cats_vs_dogs": Publisher(
        "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
        ".zip",
        fetch_file,
    ),
    "realwaste": Publisher("https://archive.ics.uci.edu/static/public/908/realwaste.zip", ".zip", fetch_file),
}
"""Publishers by data set. Kaggle's cats and dogs come from Microsoft, who holds them; RealWaste comes from UCI, where
it is data set 908."""


def download(name: str, publisher: Publisher, folder: Path) -> Path:
    """Return the data set's file or folder in `folder`, complete or absent; one process downloads, others wait.

    Raises DatasetMissing with the reason in a few words, for the caller to say what else was looked for.
    """
    stem = re.sub(r"[^\w.+-]", "-", name)  # TensorFlow Datasets have names such as imagenette/160px:1.0.0.
    target = folder / f"{stem}{publisher.suffix}"
    partial = folder / f"{stem}.partial"
    with _only_one(folder, stem):
        if target.exists():
            return target
        _remove(partial)
        try:
            publisher.fetch(name, publisher.address, partial)
            put_in_place(partial, target)
        except (OSError, HTTPException) as error:
            raise DatasetMissing(f"{publisher.address} cannot be had ({_reason(error)})") from error
        finally:
            _remove(partial)
    return target


def _reason(error: Exception) -> str:
    """Return in a few words the number and text of an HTTP error, or the cause of another one."""
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return str(error.reason)
    return str(error)


def _in_a_process(program: str, *arguments: str) -> None:
    """Run a Python program; where it fails, the exception that ended it is the reason of the error raised here."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        env=quiet,
        check=False,
    )
    if done.returncode:
        reasons = re.findall(r"^[\w.]+(?:Error|Exception)\w*: .+$", done.stderr, re.MULTILINE)
        raise OSError(reasons[-1][:300] if reasons else f"exit code {done.returncode}")


@contextmanager
def _only_one(folder: Path, name: str) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"{name}.lock").open("w")
    except OSError as error:
        raise TrainableError(f"cannot write into {folder} ({error.strerror}). Name another with KERAS_HOME.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
