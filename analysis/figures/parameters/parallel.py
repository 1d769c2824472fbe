"""Draws parallel coordinates: each configuration is a line through its settings, coloured by its result.

Lines of pruned configurations are thin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.configurations import configurations, describe_runs
from analysis.figures.drawing.scales import Scale, scale
from analysis.figures.drawing.style import BLACK, colours, focus, label, narrow, panels, style, title
from analysis.figures.parameters.slices import varied
from analysis.findings import constants
from analysis.load import Results
from analysis.numbers.expected import expected
from search.experiment.schema import shown
from search.wording import shorten

MOST = 500
"""Number of lines in one figure; of more configurations the best are drawn, and the title says so."""
INACTIVE = -0.09
"""Height of a parameter that is inactive, below its axis."""


@dataclass(frozen=True)
class Parallel:
    """Heights of all configurations on all axes, shape (configurations, columns), best complete configuration first."""

    columns: list[str]
    scales: list[Scale]
    heights: NDArray[np.float64]
    values: NDArray[np.float64]
    pruned: NDArray[np.bool_]
    total: int


def parallel(results: Results) -> Parallel:
    """Return the settings that varied, and the metric as the last axis; raises SearchError where nothing varied.

    A pruned configuration ends at the value that would be expected of it.
    """
    table = expected(results)
    columns = varied(results, table)
    part = table.head(MOST)
    metric = part["value"].astype(float)
    scales = [scale(results, name, part) for name in columns]
    heights = [np.nan_to_num(one.unit(), nan=INACTIVE) for one in scales]
    last = _metric_scale(np.asarray(metric, dtype=np.float64), results.mode)
    matrix = np.stack([*heights, last.unit()], axis=1)
    pruned = (part["state"] == "pruned").to_numpy()
    values = np.asarray(metric, dtype=np.float64)
    return Parallel([*columns, "value"], [*scales, last], matrix, values, pruned, len(table))


def _metric_scale(values: NDArray[np.float64], mode: str) -> Scale:
    """Return the axis of the results; a few bad ones that would fill it stand at its end, which says so."""
    limits = focus(values, mode)
    low, high = limits or (float(values.min()), float(values.max()))
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    ticks = np.linspace(low, high, 4)
    labels = [f"{tick:.4g}" for tick in ticks]
    if limits:
        end, sign = (0, "≤") if mode == "max" else (-1, "≥")
        labels[end] = f"{sign} {labels[end]}"
    return Scale(np.clip(values, low, high), tuple(map(float, ticks)), tuple(labels), discrete=False, ends=(low, high))


def draw_parallel(axes: Axes, data: Parallel, names: list[str], mode: str) -> ScalarMappable:
    """Draw lines with the best on top; choices are spread a little, so that lines do not hide each other."""
    rng = np.random.default_rng(0)
    heights = data.heights.copy()
    for column, one in enumerate(data.scales):
        if one.discrete:
            heights[:, column] += rng.uniform(-0.22, 0.22, len(heights)) / len(one.ticks)
    places = np.arange(heights.shape[1], dtype=float)
    lines = np.stack([np.broadcast_to(places, heights.shape), heights], axis=2)[::-1]
    limits = focus(data.values, mode) or (float(data.values.min()), float(data.values.max()))
    widths = np.where(data.pruned, 0.6, 1.6)[::-1]
    drawn = LineCollection(list(lines), cmap=colours(mode), norm=Normalize(*limits), linewidth=widths, alpha=0.75)
    drawn.set_array(data.values[::-1])
    axes.add_collection(drawn)
    axes.plot(places, heights[0], color=BLACK, linewidth=2.2, label="best")
    _draw_axes(axes, data, names)
    return drawn


def _draw_axes(axes: Axes, data: Parallel, names: list[str]) -> None:
    for place, one in enumerate(data.scales):
        axes.axvline(place, color="#444444", linewidth=0.9, zorder=0)
        low, high = one.ends
        for tick, text in zip(one.ticks, one.labels, strict=True):
            axes.annotate(
                text, (place, (tick - low) / (high - low)), xytext=(-4, 0), textcoords="offset points",
                ha="right", va="center", fontsize=7.5, zorder=5,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
        if not one.discrete and np.isnan(one.positions).any():
            axes.annotate("–", (place, INACTIVE), xytext=(-4, 0), textcoords="offset points", ha="right", va="center")
    axes.set(xlim=(-0.45, len(names) - 0.75), ylim=(-0.14, 1.06))
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=0)


def figure(results: Results) -> Figure:
    """Return every finished configuration as a line through its settings to its result, the best in black."""
    data = parallel(results)
    names = [shorten(shown(name), 22) for name in data.columns[:-1]] + [label(results.metric)]
    with style():
        whole, (axes,) = panels(width=max(6.4, 1.55 * len(names)), height=6.0 if narrow() else 4.2)
        drawn = draw_parallel(axes, data, names, results.mode)
        if narrow():
            axes.tick_params(axis="x", labelrotation=90)
        if not narrow():  # On a phone there is no room for it, and the last axis says the same.
            bar = whole.colorbar(drawn, ax=axes, label=label(results.metric), pad=0.01, aspect=30)
            bar.solids.set_alpha(1.0)  # type: ignore[union-attr]  # the colour bar just made
        more = f"Best {MOST} of {data.total:,} configurations" if data.total > MOST else f"{data.total} configurations"
        done = configurations(results)
        told = f"{more}, the best in black ({describe_runs(done)})"
        told += "; thin: pruned, at the value expected of them" if data.pruned.any() else ""
        title(whole, told, *constants(results))
    return whole
