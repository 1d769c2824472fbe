"""Turns values of a table into values that JSON can hold."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pandas as pd

Plain = None | bool | int | float | str


def plain(value: object) -> Plain:
    """Return one value: None for a missing or infinite number, ISO form for a time, its text for anything unknown."""
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
    """Return all values of a column."""
    return [plain(value) for value in values.tolist()]
