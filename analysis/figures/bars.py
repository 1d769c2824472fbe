"""Bars with intervals: the test metric (or the metric that chooses) of configurations or groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.columns import shown
from analysis.configurations import configurations, runs_told
from analysis.figures.style import GREY, TEST, VALIDATION, annotate_bar, label, panels, shorten, style
from analysis.findings import INTERVALS, settings
from analysis.formats import cell
from analysis.load import Results
from analysis.tables import group_table

Values = NDArray[np.float64]

MOST = 20
"""Bars in one figure; more are not drawn, and the title says so."""


def bars(results: Results, by: Sequence[str] = ()) -> pd.DataFrame:
    """One row for each configuration, or group of the columns `by`, best validation first.

    Index: its name. Columns: `validation, validation_low, validation_high` and, where there are test accuracies,
    `test, test_low, test_high`, `test_loss`; NaN where there is no interval.
    """
    if by:
        frame = group_table(results, by).frame
        columns = [name for name in frame.columns if shown(name) in {shown(one) for one in by}]
        names = [", ".join(f"{shown(c)}={cell(row[c])}" for c in columns) for _, row in frame.iterrows()]
        metric = results.metric
        found = {"validation": f"best {metric}", "test": "test_accuracy", "test_low": "test_accuracy low"}
        found.update({"test_high": "test_accuracy high", "test_loss": "test_loss"})
        kept = {new: frame[old].to_numpy(float) for new, old in found.items() if old in frame}
        return pd.DataFrame(kept, index=names)
    table = configurations(results)
    names = [f"{row['number']}: {settings(results, row)}" for _, row in table.head(MOST).iterrows()]
    names += [str(number) for number in table["number"].iloc[MOST:]]
    found = {"validation": "mean", "validation_low": "low", "validation_high": "high"}
    found.update({name: name for name in ("test", "test_low", "test_high", "test_loss")})
    return pd.DataFrame({new: table[old].to_numpy(float) for new, old in found.items() if old in table}, index=names)


def draw_bars(axes: Axes, data: pd.DataFrame, measure: str, colour: str) -> None:
    """Horizontal bars of one measure with its intervals, the first row on top, each with its value.

    Where all values are so close that the axis must be cut, points take the place of bars, whose lengths would lie.
    """
    rows = np.arange(len(data))[::-1]
    values = data[measure].to_numpy(float)
    ends = values.copy()
    if f"{measure}_low" in data:
        low, high = data[f"{measure}_low"].to_numpy(float), data[f"{measure}_high"].to_numpy(float)
        known = np.isfinite(low)
        sides = np.clip([values[known] - low[known], high[known] - values[known]], 0, None)
        axes.errorbar(values[known], rows[known], xerr=sides, fmt="none", ecolor="#222222", capsize=3, linewidth=1.1)
        ends = np.where(known, np.maximum(high, values), values)
    axes.set_yticks(rows, [shorten(str(name), 88) for name in data.index], fontsize=7)
    axes.grid(visible=False, axis="y")
    if _leave_room(axes, values, data.get(f"{measure}_low"), ends):
        axes.plot(values, rows, "o", color=colour, markersize=6)
        axes.set_ylim(-0.7, len(data) - 0.3)
    else:
        axes.barh(rows, values, color=colour, height=0.65, alpha=0.85)
    decimals = 4 if np.nanmax(np.abs(values)) <= 10 else None
    for row, end, value in zip(rows, ends, values, strict=True):
        if np.isfinite(value):
            text = f"{value:.{decimals}f}" if decimals else cell(float(value))
            annotate_bar(axes, text, end, row)


def _leave_room(axes: Axes, values: Values, lows: pd.Series | None, ends: Values) -> bool:
    """Limits with room for the numbers; whether the axis was cut, and does not begin at zero."""
    bottom = float(np.nanmin(values if lows is None else np.fmin(values, lows)))
    top = float(np.nanmax(ends))
    cut = bottom > 0 and top - bottom < 0.3 * top
    margin = 0.06 * max(top - bottom, 1e-6)
    start = bottom - margin if cut else min(bottom - margin, 0.0) if bottom < 0 else 0.0
    axes.set_xlim(start, top + 0.16 * (top - start))
    return cut


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Bars of the test accuracy (of the metric that chooses, where no test is stored), best validation on top."""
    data = bars(results, by)
    tested = "test" in data and data["test"].notna().any()
    measures = [("test", "test_accuracy", TEST)] if tested else [("validation", results.metric, VALIDATION)]
    if tested and "test_loss" in data and data["test_loss"].notna().any():
        measures.append(("test_loss", "test_loss", GREY))
    part = data.head(MOST)
    with style():
        whole, axes = panels(len(measures), width=6.6, height=1.4 + 0.27 * len(part), sharey=True)
        for one, (measure, name, colour) in zip(axes, measures, strict=True):
            draw_bars(one, part, measure, colour)
            one.set_xlabel(label(name) + ("" if one.get_xlim()[0] == 0 else "  (the axis does not begin at 0)"))
        axes[-1].tick_params(axis="y", length=0)
        more = f", first {MOST} of {len(data)}" if len(data) > MOST else ""
        kinds = "groups by their best configuration" if by else "configurations"
        title = f"{kinds.capitalize()}, best {label(results.metric)} on top{more}; {runs_told(configurations(results))}"
        low = data.get(f"{measures[0][0]}_low")
        if low is not None and low.notna().any():
            title += f"\n{INTERVALS}"
        whole.suptitle(title, fontsize=9, x=0.01, ha="left")
    return whole
