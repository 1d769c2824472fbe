"""Real images, few and small, for tests that train: scikit-learn's digits."""

import functools
import tempfile
from pathlib import Path

from trainables.data import Data
from trainables.datasets.load import load_data
from trainables.trial import Trial


@functools.cache
def digits(sample_size: int = 200) -> Data:
    with tempfile.TemporaryDirectory() as folder:
        return load_data({"dataset": "digits", "sample_size": sample_size}, Trial(cache_dir=Path(folder)))
