"""Draws several objectives against the first of them, with the configurations that no other dominates."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.configurations import configurations, describe_runs
from analysis.figures.drawing.style import (
    BLACK,
    BLUE,
    GREY,
    cost_axis,
    label,
    legend,
    panels,
    robust_limits,
    style,
    title,
)
from analysis.load import Results
from search.errors import SearchError


def objectives(results: Results) -> pd.DataFrame:
    """Return the value of every objective of each configuration, with `on_front` and `violates`, the front on top.

    Raises SearchError where there is one metric only, or where no configuration has all values.
    """
    names = [*results.goals.objectives]
    if not names:
        raise SearchError(f"{results.names} has one metric, and a front takes several objectives.")
    table = configurations(results)
    if "on_front" not in table:
        raise SearchError(f"{results.names} has no configuration with all of: {', '.join(names)}.")
    kept = table[[*names, "on_front"]].assign(violates=False)
    out = results.first_runs[results.violating.loc[results.first_runs.index]]
    left = out[[name for name in names if name in out]].assign(on_front=False, violates=True)
    return pd.concat([kept, left]).dropna().astype(dict.fromkeys(names, float)) if len(left) else kept.dropna()


def draw_front(axes: Axes, data: pd.DataFrame, across: str, upwards: str, mode: str) -> None:
    """Draw configurations as points, the front as rings, and crosses for those that violate a constraint."""
    out, kept = data[data["violates"]], data[~data["violates"]]
    front = kept[kept["on_front"]].sort_values(across)
    axes.scatter(kept[across], kept[upwards], s=16, alpha=0.65, linewidths=0, color=BLUE, label="configuration")
    if len(out):
        axes.scatter(out[across], out[upwards], s=20, marker="x", color=GREY, label="violates a constraint")
    axes.scatter(front[across], front[upwards], s=38, facecolors="none", edgecolors=BLACK, label="Pareto front")
    if len(data.columns) == 4:  # Of two objectives only: a line through the front of more would mean nothing.
        axes.plot(front[across], front[upwards], color=BLACK, linewidth=0.8, linestyle=":", zorder=1)
    cost_axis(axes, float(data[across].min()), float(data[across].max()))
    limits = robust_limits(kept[upwards].tolist(), mode)
    if limits:
        axes.set_ylim(*limits)


def figure(results: Results) -> Figure:
    """Return a panel for each objective but the first, which stands upwards in all of them."""
    data, directions = objectives(results), results.goals.objectives
    first, *others = directions
    with style():
        whole, axes = panels(len(others), width=4.8, sharey=True)
        for one, other in zip(axes, others, strict=True):
            draw_front(one, data, other, first, directions[first])
            one.set_xlabel(f"{label(other)} ({directions[other]})")
        axes[0].set_ylabel(f"{label(first)} ({directions[first]})")
        legend(whole, axes, columns=3)
        table = configurations(results)
        on = f"{int(table['on_front'].sum())} of {len(table)} configurations are on the Pareto front"
        title(whole, f"{on}: {describe_runs(table)}")
    return whole
