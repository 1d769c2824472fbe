"""Draws the metric over two parameters together: every configuration, and the surface that they suggest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.configurations import describe_runs
from analysis.figures.drawing.scales import Scale, scale
from analysis.figures.drawing.style import BEST, colours, focus, label, panels, style, title
from analysis.figures.drawing.surface import surface
from analysis.figures.parameters.slices import crosses
from analysis.findings import constants
from analysis.load import Results
from analysis.numbers.expected import expected
from analysis.numbers.importance import importance
from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX, shown

Values = NDArray[np.float64]

LEAST = 8
"""Number of configurations below which no surface is drawn under the points."""
CELLS = 60
"""Number of cells of the surface along a range."""


@dataclass(frozen=True)
class Contour:
    """The configurations that have both parameters, best complete one first; pruned ones as they would end."""

    columns: tuple[str, str]
    scales: tuple[Scale, Scale]
    values: Values
    pruned: NDArray[np.bool_]


def contour(results: Results, by: Sequence[str] = ()) -> Contour:
    """Return two parameters, by default the two most important of those that every configuration has.

    Raises SearchError for another number of columns than two, or where not two settings varied.
    """
    table = expected(results)
    columns = list(by) or _two_most_important(results, table)
    if len(columns) != 2:
        raise SearchError(f"a contour has two parameters, and {len(columns)} are named; expected --by PARAM,PARAM.")
    table = table.dropna(subset=columns)
    if len(table) < 3:
        raise SearchError(f"{len(table)} configurations have {shown(columns[0])} and {shown(columns[1])}; expected 3.")
    first, second = (scale(results, name, table) for name in columns)
    pruned = (table["state"] == "pruned").to_numpy()
    return Contour((columns[0], columns[1]), (first, second), table["value"].to_numpy(float), pruned)


def _two_most_important(results: Results, table: pd.DataFrame) -> list[str]:
    names = [name for name in results.varied if table[name].notna().all() and table[name].nunique() > 1]
    if len(names) < 2:
        raise SearchError(f"{results.names} varied fewer than two parameters that all configurations have.")
    if len(names) == 2:
        return names
    try:
        ranked = [CONFIG_PREFIX + name for name in importance(results)["parameter"]]
    except SearchError:
        return names[:2]
    return sorted(names, key=lambda name: ranked.index(name) if name in ranked else len(ranked))[:2]


def draw_contour(axes: Axes, data: Contour, mode: str) -> ScalarMappable:
    """Draw points in the colour of their result over the surface that they suggest, paler where they are few."""
    limits = focus(data.values, mode) or (float(data.values.min()), float(data.values.max()))
    values = np.clip(data.values, *limits)
    drawn = ScalarMappable(Normalize(*limits), colours(mode))
    if len(values) >= LEAST and limits[1] > limits[0]:
        _draw_surface(axes, data, values, drawn)
    rng, places = np.random.default_rng(0), []
    for one in data.scales:
        places.append(one.positions + (rng.uniform(-0.22, 0.22, len(values)) if one.discrete else 0))
    across, up = places
    done, pruned = ~data.pruned, data.pruned
    axes.scatter(
        across[pruned],
        up[pruned],
        s=20,
        marker="x",
        color=drawn.to_rgba(values[pruned]),
        linewidths=1.3,
        zorder=3,
        clip_on=False,
    )
    axes.scatter(
        across[done],
        up[done],
        s=36,
        color=drawn.to_rgba(values[done]),
        edgecolors="black",
        linewidths=0.8,
        zorder=4,
        clip_on=False,
    )
    axes.scatter(across[:1], up[:1], s=190, marker="*", color=BEST, edgecolors="white", zorder=5, clip_on=False)
    data.scales[0].apply(axes, "x", room=0)
    data.scales[1].apply(axes, "y", room=0)
    return drawn


def _draw_surface(axes: Axes, data: Contour, values: Values, colour: ScalarMappable) -> None:
    """Draw the surface over all that was searched, the whiter the less is known of a place."""
    discrete = [one.discrete for one in data.scales]
    points = np.stack([one.positions if one.discrete else one.unit() for one in data.scales], axis=1)
    sides = [np.asarray(s.ticks) if s.discrete else (np.arange(CELLS) + 0.5) / CELLS for s in data.scales]
    across, up = np.meshgrid(*sides)
    mean, known = surface(points, values, np.stack([across.ravel(), up.ravel()], axis=1), discrete)
    painted = colour.to_rgba(mean.reshape(across.shape))
    share = (0.75 * known.reshape(across.shape))[..., None]
    painted[..., :3] = share * painted[..., :3] + (1 - share)
    smooth = "nearest" if any(discrete) else "bilinear"
    ends = (*data.scales[0].ends, *data.scales[1].ends)
    axes.imshow(painted, extent=ends, origin="lower", aspect="auto", interpolation=smooth, zorder=0)


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Return the metric over two parameters together, over all that was searched of both."""
    data = contour(results, by)
    done = expected(results)
    with style(), mpl.rc_context({"axes.grid": False}):
        whole, (axes,) = panels(width=6.0, height=4.4)
        drawn = draw_contour(axes, data, results.mode)
        names = [shown(c) + (" (log)" if s.log else "") for c, s in zip(data.columns, data.scales, strict=True)]
        axes.set(xlabel=names[0], ylabel=names[1])
        whole.colorbar(drawn, ax=axes, label=label(results.metric), aspect=30, pad=0.02)
        told = f"Configurations, the best as a star ({describe_runs(done[done['state'] == 'complete'])})"
        title(whole, told + crosses(data.pruned), "The surface is paler where less is known", *constants(results))
    return whole
