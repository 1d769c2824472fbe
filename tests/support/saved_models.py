"""What a saved model scores in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def evaluated(path: Path, images_and_labels: Sequence[Any]) -> list[float]:
    """Loss and accuracy of a saved model in a process that does not have this package."""
    np.savez(path.with_suffix(".npz"), *images_and_labels)
    code = """
import keras, numpy as np
model = keras.saving.load_model("model.keras")
model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
with np.load("model.npz") as data:
    print(*model.evaluate(*data.values(), verbose=0))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=path.parent, capture_output=True, text=True, check=True
    )
    return [float(word) for word in done.stdout.split()]
