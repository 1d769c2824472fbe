"""Measures a model once more on the test images of its search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import Split
from trainables.datasets.load import load_data
from trainables.errors import TrainableError
from trainables.settings.image import of_data
from trainables.trial import Config, Trial

_LEAST = 1e-7
"""Least probability that counts, as in Keras' cross-entropy, which takes none to be 0."""


@dataclass(frozen=True)
class TestImages:
    """The test images of a search: pixels, shape (images, height, width, channels), and class numbers."""

    __test__ = False  # Pytest would take the class for a test because of its name.

    images: NDArray[Any]
    labels: NDArray[np.int64]

    def measure(self, probabilities: NDArray[Any]) -> dict[str, float]:
        """Return `test_accuracy` and `test_loss`, the mean cross-entropy, of a model's probabilities for the images."""
        of_the_class = probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)
        return {
            "test_accuracy": float(np.mean(probabilities.argmax(axis=1) == self.labels)),
            "test_loss": float(-np.log(np.clip(of_the_class, _LEAST, 1)).mean()),
        }


def load_test_images(config: Config, trial: Trial) -> TestImages:
    """Return the test images of a search with that configuration.

    Raises TrainableError where they are not at hand, or are not images.
    """
    data = load_data(of_data(config), trial, config)
    if data.info.input_shapes or not isinstance(data.test, Split):
        raise TrainableError(f"{data.info.name} holds no images; expected a data set of images.")
    images, labels = data.test.take()
    return TestImages(images, labels)
