"""Places a parameter's values on an axis: the searched range, logarithms, choices, and inactive ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.load import Results
from analysis.wording.formats import NOTHING, cell
from search.wording import shorten

FEW_VALUES = 8
"""Number of values up to which a column of numbers without a declared range is shown as a choice."""


@dataclass(frozen=True)
class Scale:
    """The values of one column on an axis: a position for each trial, the ticks, and the ends of what was searched.

    A range is in the values' own unit, or in their logarithm to base 10; a choice is in whole numbers from 0.
    """

    positions: NDArray[np.float64]
    """Positions of the trials, shape (trials,); NaN where the parameter is inactive and the scale is a range."""
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    discrete: bool
    ends: tuple[float, float]
    log: bool = False

    def unit(self) -> NDArray[np.float64]:
        """Return the positions within 0 and 1, as shares of the whole axis."""
        low, high = self.ends
        return np.asarray((self.positions - low) / (high - low))

    def apply(self, axes: Axes, which: str = "x", room: float = 0.04) -> None:
        """Set ticks and limits of an axis whose data are `positions`, with `room` to each side of a range."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        low, high = self.ends
        room = 0.0 if self.discrete else room * (high - low)
        (axes.set_xlim if which == "x" else axes.set_ylim)(low - room, high + room)
        axis.set_ticks(list(self.ticks), list(self.labels))


def scale(results: Results, column: str, trials: pd.DataFrame) -> Scale:
    """Return the scale of a column over the given trials: the range as declared, else by the look of its values."""
    values = trials[column]
    declared = results.parameter(column)
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    ranged = declared.get("kind") in ("Float", "Int") or (not declared and values.nunique() > FEW_VALUES)
    if not numeric or not ranged or values.nunique() < 2:
        return _choice(values, declared.get("options"))
    numbers = values.to_numpy(float, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    low, high = _searched(declared, float(known.min()), float(known.max()))
    log = low > 0 and bool(declared["log"] if "log" in declared else high > 100 * low)
    if log:
        ends = float(np.log10(low)), float(np.log10(high))
        return Scale(np.log10(numbers), *_log_ticks(*ends), discrete=False, ends=ends, log=True)
    whole = bool(np.all(known == np.round(known)))
    return Scale(numbers, *_ticks(low, high, whole), discrete=False, ends=(low, high))


def _searched(declared: Mapping[str, Any], low: float, high: float) -> tuple[float, float]:
    """Return the ends of the declared range, or of the values where that does not hold them."""
    for name, choose in (("low", min), ("high", max)):
        end = declared.get(name)
        if isinstance(end, int | float) and np.isfinite(end):
            low, high = (choose(low, float(end)), high) if name == "low" else (low, choose(high, float(end)))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _choice(values: pd.Series, options: list[str] | None) -> Scale:
    found = sorted(values.dropna().unique(), key=lambda v: _order(v, options))
    texts = [NOTHING] * bool(values.isna().any()) + list(dict.fromkeys(cell(v) for v in found))
    place = {text: float(index) for index, text in enumerate(texts)}
    positions = np.array([place[cell(v)] for v in values])
    ticks = tuple(float(i) for i in range(len(texts)))
    labels = tuple(shorten(text, 14) for text in texts)
    return Scale(positions, ticks, labels, discrete=True, ends=(-0.5, len(texts) - 0.5))


def _order(value: object, options: list[str] | None) -> tuple[int, float, str]:
    """Return a key that sorts numbers by size and before words, and words in the order in which they were declared."""
    try:
        return 0, float(str(value)), ""
    except ValueError:
        text = str(value)
        return 1, float(options.index(text)) if options and text in options else 0.0, text


def _ticks(low: float, high: float, whole: bool) -> tuple[tuple[float, ...], tuple[str, ...]]:
    found = [float(tick) for tick in MaxNLocator(nbins=5, integer=whole).tick_values(low, high)]
    room = 0.02 * (high - low)
    ticks = tuple(tick for tick in found if low - room <= tick <= high + room)
    return ticks, tuple(f"{tick:.6g}" for tick in ticks)


def _log_ticks(low: float, high: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    decades = [d for d in range(int(np.floor(low)), int(np.ceil(high)) + 1) if low - 0.05 <= d <= high + 0.05]
    if len(decades) < 2:
        ticks = np.linspace(low, high, 3)
        return tuple(map(float, ticks)), tuple(_two_digits(10.0**tick) for tick in ticks)
    step = -(-len(decades) // 5)
    shown = decades[::step]
    return tuple(map(float, shown)), tuple(f"{10.0**d:g}" if -4 < d < 5 else f"1e{d}" for d in shown)


def _two_digits(value: float) -> str:
    """Return a number with two significant digits, a count in full: 256, and not 2.6e+02."""
    return f"{value:.0f}" if 10 <= value < 1e5 else f"{value:.2g}"
