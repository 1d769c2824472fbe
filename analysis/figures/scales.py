"""Where a parameter's values stand on an axis: ranges, logarithms, choices, and inactive ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures.style import shorten
from analysis.formats import NOTHING, cell
from analysis.load import Results

FEW_VALUES = 8
"""A column of numbers with at most so many values, and no declared range, is shown as a choice."""


@dataclass(frozen=True)
class Scale:
    """The values of one column on an axis: a position for each trial, and the ticks.

    A range runs in the values' own unit, or their logarithm to base 10; a choice in whole numbers from 0.
    """

    positions: NDArray[np.float64]
    """Shape (trials,); NaN where the parameter is inactive and the scale a range."""
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    discrete: bool
    log: bool = False

    def unit(self) -> NDArray[np.float64]:
        """The positions within 0 and 1, as shares of the whole axis."""
        low, high = self.limits()
        return np.asarray((self.positions - low) / (high - low))

    def limits(self) -> tuple[float, float]:
        """The ends of the axis."""
        if self.discrete:
            return -0.5, len(self.ticks) - 0.5
        known = self.positions[np.isfinite(self.positions)]
        low, high = float(known.min()), float(known.max())
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def apply(self, axes: Axes, which: str = "x") -> None:
        """Set ticks and limits of an axis whose data are `positions`."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        low, high = self.limits()
        room = 0.0 if self.discrete else 0.04 * (high - low)
        (axes.set_xlim if which == "x" else axes.set_ylim)(low - room, high + room)
        axis.set_ticks(list(self.ticks), list(self.labels))


def scale(results: Results, column: str, trials: pd.DataFrame) -> Scale:
    """The scale of a column over the given trials: a range as declared, else by the look of its values."""
    values = trials[column]
    declared = results.parameter(column)
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    ranged = declared.get("kind") in ("Float", "Int") or (not declared and values.nunique() > FEW_VALUES)
    if not numeric or not ranged or values.nunique() < 2:
        return _choice(values, declared.get("options"))
    numbers = values.to_numpy(float, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    log = bool(declared["log"]) if "log" in declared else bool(known.min() > 0 and known.max() > 100 * known.min())
    positions = np.log10(numbers) if log else numbers
    ticks = _log_ticks(known) if log else _ticks(known)
    return Scale(positions, ticks[0], ticks[1], discrete=False, log=log)


def _choice(values: pd.Series, options: list[str] | None) -> Scale:
    found = sorted(values.dropna().unique(), key=lambda v: _order(v, options))
    texts = [NOTHING] * bool(values.isna().any()) + [cell(v) for v in found]
    place = {text: float(index) for index, text in enumerate(texts)}
    positions = np.array([place[cell(v)] for v in values])
    ticks = tuple(float(i) for i in range(len(texts)))
    return Scale(positions, ticks, tuple(shorten(text, 18) for text in texts), discrete=True)


def _order(value: object, options: list[str] | None) -> tuple[int, float, str]:
    """Numbers by size and before words; words in the order in which they were declared."""
    try:
        return 0, float(str(value)), ""
    except ValueError:
        text = str(value)
        return 1, float(options.index(text)) if options and text in options else 0.0, text


def _ticks(known: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    low, high = float(known.min()), float(known.max())
    whole = bool(np.all(known == np.round(known)))
    found = [float(tick) for tick in MaxNLocator(nbins=5, integer=whole).tick_values(low, high)]
    ticks = tuple(tick for tick in found if low <= tick <= high)
    return ticks, tuple(f"{tick:.3g}" for tick in ticks)


def _log_ticks(known: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    low, high = float(np.log10(known.min())), float(np.log10(known.max()))
    decades = [d for d in range(int(np.floor(low)), int(np.ceil(high)) + 1) if low - 0.05 <= d <= high + 0.05]
    if len(decades) < 2:
        ticks = np.linspace(low, high, 3)
        return tuple(map(float, ticks)), tuple(f"{10**tick:.2g}" for tick in ticks)
    step = -(-len(decades) // 6)
    shown = decades[::step]
    return tuple(map(float, shown)), tuple(f"{10.0**d:g}" if -5 < d < 5 else f"1e{d}" for d in shown)
