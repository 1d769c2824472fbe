"""Where benchmarks that train on real images find them."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path | None:
    """Return the folder that SEARCH_DATA_DIR names; where it names none, data sets come from the cache of Keras."""
    text = os.environ.get("SEARCH_DATA_DIR")
    return Path(text) if text else None
