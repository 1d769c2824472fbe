"""Draws what a result costs: the metric against parameters and against seconds, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.configurations import configurations, describe_runs
from analysis.figures.drawing.style import (
    BLACK,
    BLUE,
    cost_axis,
    group_style,
    label,
    legend,
    panels,
    robust_limits,
    style,
    title,
)
from analysis.load import Results
from analysis.wording.formats import group_name
from search.errors import SearchError
from search.wording import shorten

COSTS = {"num_parameters": "parameters", "seconds": "seconds of training"}


def pareto(costs: NDArray[np.float64], values: NDArray[np.float64], mode: str) -> NDArray[np.intp]:
    """Return the rows that no other beats in both, from the cheapest on; of equal ones only the first."""
    gains = values if mode == "max" else -values
    order = np.lexsort((-gains, costs))
    best, front = -np.inf, []
    for row in order:
        if gains[row] > best:
            best = gains[row]
            front.append(row)
    return np.asarray(front, dtype=np.intp)


def tradeoff(results: Results, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row for each configuration: `value`, those of COSTS that vary, and `group` (empty without `by`).

    Raises SearchError where no cost varies.
    """
    table = configurations(results)
    known = [name for name in COSTS if name in table and table[name].dropna().nunique() > 1]
    if not known:
        raise SearchError(f"{results.names} stores neither times nor numbers of parameters that differ.")
    data = table[known].astype(float).assign(value=table["mean"].astype(float), number=table["number"], group="")
    if by:
        data["group"] = [group_name(by, row[list(by)]) for _, row in table.iterrows()]
    return data


def draw_tradeoff(axes: Axes, data: pd.DataFrame, cost: str, mode: str) -> None:
    """Draw points by group, and the front, which shows what each cost can buy, as steps."""
    part = data[data[cost].notna()]
    for index, (name, group) in enumerate(part.groupby("group", sort=True)):
        colour, told = (group_style(index)["color"], shorten(str(name))) if name else (BLUE, "configuration")
        axes.scatter(group[cost], group["value"], s=16, alpha=0.65, linewidths=0, color=colour, label=told)
    costs, values = part[cost].to_numpy(float), part["value"].to_numpy(float)
    front = pareto(costs, values, mode)
    axes.step(costs[front], values[front], where="post", color=BLACK, linewidth=1, label="Pareto front", zorder=1)
    axes.scatter(costs[front], values[front], s=38, facecolors="none", edgecolors=BLACK, linewidths=1)
    cost_axis(axes, float(costs.min()), float(costs.max()))
    limits = robust_limits(values.tolist(), mode)
    if limits:
        axes.set_ylim(*limits)


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Return the metric against the number of parameters and the seconds of training."""
    data = tradeoff(results, by)
    costs = [name for name in COSTS if name in data]
    with style():
        whole, axes = panels(len(costs), width=4.8, sharey=True)
        for one, cost in zip(axes, costs, strict=True):
            draw_tradeoff(one, data, cost, results.mode)
            one.set_xlabel(COSTS[cost])
        axes[0].set_ylabel(label(results.metric))
        legend(whole, axes, columns=3)
        title(whole, f"Configurations: {describe_runs(configurations(results))}")
    return whole
