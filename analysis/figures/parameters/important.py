"""Draws which parameters mattered, as bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.drawing.style import BLUE, SKY, annotate_bar, label, narrow, panels, style, title
from analysis.findings import constants
from analysis.load import Results
from analysis.numbers.importance import importance, on_what


def draw_importance(axes: Axes, data: pd.DataFrame) -> None:
    """Draw horizontal bars, the largest on top; parameters that not all configurations have are lighter."""
    rows = np.arange(len(data))[::-1]
    colours = [SKY if where else BLUE for where in data["where"]]
    axes.barh(rows, data["importance"], color=colours, height=0.65)
    names = [f"{p}\n(where {w})" if w else p for p, w in zip(data["parameter"], data["where"], strict=True)]
    axes.set_yticks(rows, names)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max(1.0, float(data["importance"].max())) * 1.12)
    for row, (_, one) in zip(rows, data.iterrows(), strict=True):
        alone = f"  (of {one['configurations']})" if one["where"] else ""
        annotate_bar(axes, f"{one['importance']:.2f}{alone}", one["importance"], row)


def figure(results: Results) -> Figure:
    """Return the share of the metric's variation that each parameter explains."""
    data = importance(results)
    with style():
        whole, (axes,) = panels(width=6.4, height=1.3 + 0.42 * len(data))
        draw_importance(axes, data)
        axes.set_xlabel("share explained (fANOVA)" if narrow() else "share of the variation that it explains (fANOVA)")
        told = [f"What {label(results.metric)} depended on, over {on_what(data)}", *constants(results)]
        told += ["Light: among the configurations that have the parameter"] * bool((data["where"] != "").any())
        title(whole, *told)
    return whole
