"""Draws points with intervals: the test metric (or the metric that chooses) of configurations or groups."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.configurations import configurations, describe_runs
from analysis.figures.drawing.style import (
    GREY,
    TEST,
    VALIDATION,
    annotate_bar,
    label,
    narrow,
    panels,
    style,
    title,
)
from analysis.findings import INTERVALS, settings
from analysis.load import Results
from analysis.tables import group_table
from analysis.wording.formats import cell, group_name
from search.experiment.schema import shown
from search.wording import shorten

MOST = 20
"""Number of rows in one figure; more are not drawn, and the title says so."""


def bars(results: Results, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row for each configuration, or group by the columns `by`, best validation first.

    The index is its name. The columns are `validation, validation_low, validation_high` and, where there are test
    accuracies, `test, test_low, test_high`, `test_loss`; values are NaN where there is no interval.
    """
    if by:
        frame = group_table(results, by).frame
        columns = [name for name in frame.columns if shown(name) in {shown(one) for one in by}]
        names = [group_name(columns, row[columns]) for _, row in frame.iterrows()]
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
    """Draw a point for each row with its interval and its value, the first row on top."""
    rows = np.arange(len(data))[::-1]
    values = data[measure].to_numpy(float)
    lows, ends = values.copy(), values.copy()
    if f"{measure}_low" in data:
        low, high = data[f"{measure}_low"].to_numpy(float), data[f"{measure}_high"].to_numpy(float)
        known = np.isfinite(low)
        sides = np.clip([values[known] - low[known], high[known] - values[known]], 0, None)
        axes.errorbar(values[known], rows[known], xerr=sides, fmt="none", ecolor="#222222", capsize=3, linewidth=1.1)
        lows, ends = np.where(known, np.fmin(low, values), values), np.where(known, np.fmax(high, values), values)
    names = [textwrap.fill(shorten(str(name), 88), 28 if narrow() else 66) for name in data.index]
    axes.set_yticks(rows, names, fontsize=8)
    axes.grid(visible=False, axis="y")
    axes.plot(values, rows, "o", color=colour, markersize=6)
    bottom, top = float(np.nanmin(lows)), float(np.nanmax(ends))
    room = max(top - bottom, 1e-3 * abs(top), 1e-9)
    axes.set(xlim=(bottom - 0.06 * room, top + (0.5 if narrow() else 0.2) * room), ylim=(-0.7, len(data) - 0.3))
    decimals = 4 if np.nanmax(np.abs(values)) <= 10 else None
    for row, end, value in zip(rows, ends, values, strict=True):
        if np.isfinite(value):
            annotate_bar(axes, cell(float(value), decimals), end, row)
    longest = max(len(line) for name in names for line in name.splitlines())
    axes.xaxis.set_major_locator(MaxNLocator(3 if narrow() or longest > 60 else 6))


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Return points of the test accuracy, or, without tests, of the metric that chooses; best validation is on top."""
    data = bars(results, by)
    tested = "test" in data and data["test"].notna().any()
    measures = [("test", "test_accuracy", TEST)] if tested else [("validation", results.metric, VALIDATION)]
    if tested and "test_loss" in data and data["test_loss"].notna().any():
        measures.append(("test_loss", "test_loss", GREY))
    part = data.head(MOST)
    with style():
        row_height = 0.62 if narrow() else 0.3
        whole, axes = panels(len(measures), width=6.6, height=1.4 + row_height * len(part), sharey=True)
        for one, (measure, name, colour) in zip(axes, measures, strict=True):
            draw_bars(one, part, measure, colour)
            one.set_xlabel(label(name))
        axes[-1].tick_params(axis="y", length=0)
        more = f", first {MOST} of {len(data)}" if len(data) > MOST else ""
        kinds = "groups by their best configuration" if by else "configurations"
        runs = describe_runs(configurations(results))
        told = f"{kinds.capitalize()}, best {label(results.metric)} on top{more}; {runs}"
        low = data.get(f"{measures[0][0]}_low")
        title(whole, told, INTERVALS if low is not None and low.notna().any() else "")
    return whole
