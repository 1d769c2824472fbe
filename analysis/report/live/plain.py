"""Values of a table as JSON can hold them."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pandas as pd

Plain = None | bool | int | float | str


def plain(value: object) -> Plain:
    """One value: what is missing or no finite number is None, a time is in ISO form, anything unknown its text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def column(values: pd.Series) -> list[Plain]:
    """All values of a column."""
    return [plain(value) for value in values.tolist()]
