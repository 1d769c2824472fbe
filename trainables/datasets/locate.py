"""From the name of a data set to the place that its images come from."""

from __future__ import annotations

import os
from pathlib import Path

from trainables.datasets.arrays import DigitsSource, NpzSource
from trainables.datasets.catalogue import Source
from trainables.errors import DatasetMissing


def keras_cache() -> Path:
    """Where Keras keeps data sets: KERAS_HOME/datasets, else ~/.keras/datasets."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / "datasets"


def locate(name: str, data_dir: Path | None) -> Source:
    """Where the data set `name` is."""
    if name == "digits":
        return DigitsSource()
    for folder in (data_dir, keras_cache()):
        if folder and (folder / f"{name}.npz").is_file():
            return NpzSource(name, folder / f"{name}.npz")
    raise DatasetMissing(f"no data set '{name}' in {data_dir or keras_cache()}.")
