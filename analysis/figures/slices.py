"""The metric against one parameter at a time, and against two together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from analysis.columns import shown
from analysis.configurations import configurations
from analysis.figures.scales import Scale, scale
from analysis.figures.style import BEST, BLUE, colours, label, panels, robust_limits, style
from analysis.importance import importance
from analysis.load import Results
from analysis.statistics import bootstrap
from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """The finished configurations, best first: their places along one parameter, and their results."""

    column: str
    scale: Scale
    values: Values


def slices(results: Results) -> list[Slice]:
    """One slice for each setting that varied; raises SearchError where none did."""
    table = configurations(results)
    columns = [name for name in results.varied if table[name].nunique(dropna=False) > 1]
    if not columns:
        raise SearchError(f"{results.told} has no parameter with two values among its finished trials.")
    values = table["mean"].to_numpy(float)
    return [Slice(name, scale(results, name, table), values) for name in columns]


def draw_slice(axes: Axes, data: Slice, mode: str) -> None:
    """A point for each configuration, the best in green; choices also get their mean with a bootstrap interval."""
    places = data.scale.positions
    if data.scale.discrete:
        _draw_means(axes, data)
        places = places + np.random.default_rng(0).uniform(-0.16, 0.16, len(places)) - 0.08
    axes.scatter(places, data.values, s=14, color=BLUE, alpha=0.6, linewidths=0)
    axes.scatter(places[:1], data.values[:1], s=60, marker="*", color=BEST, zorder=4, label="best")
    data.scale.apply(axes)
    limits = robust_limits(data.values.tolist(), mode)
    if limits:
        axes.set_ylim(*limits)


def _draw_means(axes: Axes, data: Slice) -> None:
    for tick in data.scale.ticks:
        own = data.values[data.scale.positions == tick]
        if len(own) < 2:
            continue
        interval = bootstrap(own, resamples=1000)
        sides = [[interval.value - interval.low], [interval.high - interval.value]]
        axes.errorbar(
            tick + 0.28, interval.value, sides, fmt="s", markersize=4, color="#222222", capsize=3, linewidth=1
        )


def figure(results: Results) -> Figure:
    """The metric against each setting that varied."""
    data = slices(results)
    with style():
        columns = 3 if len(data) in (3, 5, 6, 9) else 4
        whole, axes = panels(len(data), width=3.6, height=3.1, columns=columns, sharey=True)
        for index, (one, part) in enumerate(zip(axes, data, strict=True)):
            draw_slice(one, part, results.mode)
            one.set_xlabel(shown(part.column) + (" (log)" if part.scale.log else ""))
            if index % columns == 0:
                one.set_ylabel(label(results.metric))
        told = ", the best as a star"
        told += "; squares: mean of a value with its 95 % interval" if any(p.scale.discrete for p in data) else ""
        whole.suptitle(f"Each point a finished configuration{told}", fontsize=9, x=0.01, ha="left")
    return whole


@dataclass(frozen=True)
class Contour:
    """The finished configurations that have both parameters, best first."""

    columns: tuple[str, str]
    scales: tuple[Scale, Scale]
    values: Values


def contour(results: Results, by: Sequence[str] = ()) -> Contour:
    """Two parameters, by default the two most important of those that every configuration has.

    Raises SearchError for another number of columns than two, or where not two settings varied.
    """
    table = configurations(results)
    columns = list(by) or _two_most_important(results, table)
    if len(columns) != 2:
        raise SearchError(f"a contour has two parameters, and {len(columns)} are named; expected --by PARAM,PARAM.")
    table = table.dropna(subset=columns)
    if len(table) < 3:
        raise SearchError(
            f"{len(table)} finished configurations have {shown(columns[0])} and {shown(columns[1])}; expected 3."
        )
    first, second = (scale(results, name, table) for name in columns)
    return Contour((columns[0], columns[1]), (first, second), table["mean"].to_numpy(float))


def _two_most_important(results: Results, table: pd.DataFrame) -> list[str]:
    names = [name for name in results.varied if table[name].notna().all() and table[name].nunique() > 1]
    if len(names) < 2:
        raise SearchError(f"{results.told} varied fewer than two parameters that all configurations have.")
    if len(names) == 2:
        return names
    try:
        ranked = [CONFIG_PREFIX + name for name in importance(results)["parameter"]]
    except SearchError:
        return names[:2]
    return sorted(names, key=lambda name: ranked.index(name) if name in ranked else len(ranked))[:2]


def draw_contour(axes: Axes, data: Contour, mode: str) -> PathCollection:
    """Points in the colour of their result over the surface between them; choices side by side, as points only."""
    places = [one.positions.copy() for one in data.scales]
    limits = robust_limits(data.values.tolist(), mode, room=0) or (float(data.values.min()), float(data.values.max()))
    norm = Normalize(*limits)
    if not any(one.discrete for one in data.scales) and len(data.values) >= 8:
        _draw_surface(axes, data, norm, mode)
    rng = np.random.default_rng(0)
    for index, one in enumerate(data.scales):
        if one.discrete:
            places[index] += rng.uniform(-0.2, 0.2, len(places[index]))
    drawn = axes.scatter(
        places[0][::-1], places[1][::-1], c=data.values[::-1], cmap=colours(mode), norm=norm,
        s=34, edgecolors="white", linewidths=0.6, zorder=3,
    )  # fmt: skip
    axes.scatter(
        places[0][:1], places[1][:1], s=190, marker="*", color=BEST, edgecolors="black", zorder=4, label="best"
    )
    data.scales[0].apply(axes, "x")
    data.scales[1].apply(axes, "y")
    return drawn


def _draw_surface(axes: Axes, data: Contour, norm: Normalize, mode: str) -> None:
    """Linear interpolation over the triangles between the points; long thin ones at the rim are left out."""
    units = np.stack([one.unit() for one in data.scales], axis=1)
    _, rows = np.unique(units.round(9), axis=0, return_index=True)
    if len(rows) < 8 or np.linalg.matrix_rank(units[rows] - units[rows].mean(axis=0)) < 2:
        return
    mesh = Triangulation(*(one.positions[rows] for one in data.scales))
    corners = units[rows][mesh.triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    mesh.set_mask(sides > 0.7)
    if mesh.mask is not None and mesh.mask.all():
        return
    levels = np.linspace(float(norm.vmin or 0), float(norm.vmax or 0), 13)
    clipped = np.clip(data.values[rows], levels[0], levels[-1])
    if levels[-1] > levels[0]:
        axes.tricontourf(mesh, clipped, levels=levels, cmap=colours(mode), norm=norm, alpha=0.55)


def contour_figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """The metric over two parameters together."""
    data = contour(results, by)
    with style():
        whole, (axes,) = panels(width=6.2, height=4.6)
        drawn = draw_contour(axes, data, results.mode)
        names = [shown(c) + (" (log)" if s.log else "") for c, s in zip(data.columns, data.scales, strict=True)]
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.legend(loc="upper left", bbox_to_anchor=(0, 1.1))
        whole.colorbar(drawn, ax=axes, label=label(results.metric), aspect=30, pad=0.02)
    return whole
