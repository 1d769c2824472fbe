"""Comparisons of one setting that studies ask for: the learning rate, and the depth of unfreezing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from analysis.columns import shown
from analysis.configurations import configurations
from analysis.figures.curves import curves
from analysis.figures.scales import scale
from analysis.figures.slices import Slice, draw_slice
from analysis.figures.style import (
    BEST,
    BLUE,
    CONTINUOUS,
    STATES,
    cost_axis,
    label,
    panels,
    robust_limits,
    style,
    whole_ticks,
)
from analysis.load import Results
from search.errors import SearchError

LEARNING_RATES = ("config.learning_rate", "config.second_learning_rate")


def best_by_range(rates: pd.Series, values: pd.Series, mode: str, bins: int = 8) -> pd.DataFrame:
    """The best value within each of some ranges of equal width in the logarithm: columns `rate, value`."""
    logs = np.log10(rates.to_numpy(float))
    edges = np.linspace(logs.min(), logs.max() + 1e-9, bins + 1)
    table = pd.DataFrame(
        {"range": np.digitize(logs, edges), "rate": rates.to_numpy(float), "value": values.to_numpy(float)}
    )
    table = table.sort_values("value", ascending=mode == "min").drop_duplicates("range")
    return table.sort_values("rate")[["rate", "value"]].reset_index(drop=True)


def _learning_rate_column(results: Results) -> str:
    for name in LEARNING_RATES:
        if name in results.varied:
            return name
    raise SearchError(f"{results.told} did not vary the learning rate.")


def draw_learning_rate(axes: Axes, table: pd.DataFrame, column: str, mode: str) -> None:
    """The metric against the learning rate: finished trials as points, others at the bottom, the best as a line."""
    done = table[(table["state"] == "complete") & table["value"].notna()]
    few = done[column].nunique() <= 8
    axes.scatter(done[column], done["value"], s=16, color=BLUE, alpha=0.7, linewidths=0, label="finished trial")
    best = best_by_range(done[column], done["value"], mode)
    axes.plot(best["rate"], best["value"], color=BEST, label="best of each rate" if few else "best of each range")
    limits = robust_limits(done["value"].tolist(), mode)
    if limits:
        axes.set_ylim(*limits)
        axes.set_title("cut where only bad trials lie", fontsize=8)
    bottom = axes.get_xaxis_transform()
    for state, marker, height in (("pruned", "x", 0.03), ("failed", "|", 0.07)):
        part = table.loc[table["state"] == state, column]
        if len(part):
            heights = np.full(len(part), height)
            drawn = axes.scatter(
                part, heights, s=18, marker=marker, color=STATES[state], transform=bottom, linewidths=1
            )
            drawn.set_label(f"{state} (at the bottom)")
    cost_axis(axes, float(table[column].min()), float(table[column].max()))


def draw_loss_by_rate(axes: Axes, results: Results, column: str) -> ScalarMappable:
    """Training loss (or the metric) by epoch, each trial in the colour of its learning rate."""
    measure = "loss" if "loss" in results.epochs and results.epochs["loss"].notna().any() else results.metric
    keys, matrix = curves(results, measure)
    rates = results.trials.set_index("key").loc[keys, column].to_numpy(float)
    known = np.isfinite(rates)
    epochs = np.arange(1, matrix.shape[1] + 1, dtype=float)
    lines = [np.stack([epochs, row], axis=1)[np.isfinite(row)] for row in matrix[known]]
    drawn = LineCollection(lines, cmap=CONTINUOUS, norm=LogNorm(), linewidth=1, alpha=0.8)
    drawn.set_array(rates[known])
    axes.add_collection(drawn)
    axes.autoscale_view()
    seen = matrix[known][np.isfinite(matrix[known])]
    high = float(np.quantile(seen, 0.97))
    if measure.endswith("loss") and seen.max() > 2.5 * high:
        axes.set_ylim(min(float(seen.min()), 0.0), 1.2 * high)
        axes.set_title("cut: some losses lie far above", fontsize=8)
    axes.set(xlabel="epoch", ylabel=label(f"train_{measure}") if measure == "loss" else label(measure))
    whole_ticks(axes)
    return drawn


def learning_rate_figure(results: Results) -> Figure:
    """Which learning rate is best, and how the loss falls with each."""
    column = _learning_rate_column(results)
    results.complete()
    table = results.trials.assign(value=results.trials[results.metric])
    table = table[table[column].notna()]
    if not ((table["state"] == "complete") & table["value"].notna()).any():
        raise SearchError(f"{results.told} has no finished trial with a {shown(column)}.")
    has_curves = len(results.epochs) > 0
    with style():
        whole, axes = panels(1 + has_curves, width=5.2)
        draw_learning_rate(axes[0], table, column, results.mode)
        axes[0].set(xlabel=shown(column).replace("_", " "), ylabel=label(results.metric))
        if has_curves:
            drawn = draw_loss_by_rate(axes[1], results, column)
            whole.colorbar(drawn, ax=axes[1], label=shown(column).replace("_", " "), aspect=30)
        whole.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return whole


def unfreeze_figure(results: Results) -> Figure:
    """The metric against the depth of unfreezing, with the mean of each depth; – is a configuration without one."""
    column = "config.unfreeze_depth"
    if column not in results.varied:
        raise SearchError(f"{results.told} did not vary unfreeze_depth.")
    table = configurations(results)
    place = scale(results, column, table.assign(**{column: table[column].astype(object)}))
    with style():
        whole, (axes,) = panels(width=6.0, height=4.0)
        draw_slice(axes, Slice(column, place, table["mean"].to_numpy(float)), results.mode)
        axes.set(xlabel="last layers (or block) that were unfrozen", ylabel=label(results.metric))
        axes.set_title("Squares: mean of a depth with its 95 % interval", fontsize=9)
        axes.legend()
    return whole
