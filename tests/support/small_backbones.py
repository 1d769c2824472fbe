"""Tiny images for every backbone, and real cats and dogs for the one whose weights are at hand."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.data import Data, Split
from trainables.trial import DatasetInfo

WEIGHTS = "weights/mobilenet_v2_0.35_224_no_top.rebuilt.h5"
PRETRAINED: dict[str, object] = {"network": "mobilenet_v2", "alpha": 0.35, "weights": WEIGHTS, "batch_size": 16}
CATS: dict[str, object] = {
    "dataset": "cats_vs_dogs",
    "image_size": 64,
    "sample_size": 200,
    "validation_fraction": 0.05,
    "test_fraction": 0.05,
}


def random_images(side: int, channels: int = 3) -> Data:
    """24 images to train on, 8 to validate, 8 to test, of two classes: dark and bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(40, dtype=np.int64) % 2
    images = rng.integers(0, 256, (40, side, side, channels)) // (2 - labels)[:, None, None, None]
    train, validation, test = (
        Split(images.astype(np.uint8), labels, np.arange(*span, dtype=np.int64)) for span in ((24,), (24, 32), (32, 40))
    )
    info = DatasetInfo(
        "random", "", f"random{side}x{channels}", 24, 8, 8, 2, (side, side, channels), ("dark", "bright")
    )
    return Data(train, validation, test, info)


def data_dir() -> Path:
    folder = Path(os.environ.get("SEARCH_DATA_DIR") or "/nowhere")
    if not (folder / WEIGHTS).is_file() or not (folder / "cats_vs_dogs.tar").is_file():
        pytest.skip(f"SEARCH_DATA_DIR names no folder with {WEIGHTS} and cats_vs_dogs.tar")
    return folder


def without_seconds(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in m.items() if name != "seconds"} for m in metrics]
