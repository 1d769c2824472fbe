"""Draws the metric against one parameter at a time: every configuration, with those that were stopped early marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.configurations import describe_runs
from analysis.figures.drawing.scales import Scale, scale
from analysis.figures.drawing.style import BEST, BLUE, GREY, LIGHT, focus, label, legend, panels, style, title
from analysis.findings import constants
from analysis.load import Results
from analysis.numbers.expected import expected
from analysis.statistics import Interval, bootstrap
from search.errors import SearchError
from search.experiment.schema import shown

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """The configurations, best complete one first: their places along one parameter, and their results.

    For a pruned one `values` holds what it would be expected to end with, and `deviations` how sure that is.
    """

    column: str
    scale: Scale
    values: Values
    deviations: Values
    pruned: NDArray[np.bool_]

    @cached_property
    def means(self) -> dict[float, Interval]:
        """The mean of the complete configurations of each choice that has two, with its interval, by its tick."""
        own = {tick: self.values[(self.scale.positions == tick) & ~self.pruned] for tick in self.scale.ticks}
        return {tick: bootstrap(values, resamples=1000) for tick, values in own.items() if len(values) > 1}


@lru_cache(maxsize=4)
def slices(results: Results) -> tuple[Slice, ...]:
    """Return one slice for each setting that varied; raises SearchError where none did."""
    table = expected(results)
    columns = varied(results, table)
    return tuple(slice_of(results, name, table) for name in columns)


def varied(results: Results, table: pd.DataFrame) -> list[str]:
    """Return the settings with two values in a table of configurations; raises SearchError where there is none."""
    columns = [name for name in results.varied if table[name].nunique(dropna=False) > 1]
    if not columns:
        raise SearchError(f"{results.names} has no parameter with two values among its trials.")
    return columns


def slice_of(results: Results, column: str, table: pd.DataFrame) -> Slice:
    """Return the slice along one column of a table of `expected`."""
    values, deviations = (table[name].to_numpy(float) for name in ("value", "deviation"))
    return Slice(column, scale(results, column, table), values, deviations, (table["state"] == "pruned").to_numpy())


def draw_slice(axes: Axes, data: Slice, mode: str) -> None:
    """Draw a point for each configuration, a cross if it was pruned, the best as a star; choices also have a mean."""
    places, limits = data.scale.positions, focus(data.values, mode)
    values = data.values if limits is None else np.clip(data.values, *limits)
    if data.scale.discrete:
        places = places + np.random.default_rng(0).uniform(-0.22, 0.22, len(places))
    done, pruned = ~data.pruned, data.pruned
    if pruned.any():
        _draw_deviations(axes, places[pruned], values[pruned], data.deviations[pruned])
        axes.scatter(
            places[pruned], values[pruned], s=16, marker="x", color=GREY, linewidths=0.9, label="pruned", zorder=2
        )
    axes.scatter(places[done], values[done], s=18, color=BLUE, alpha=0.75, linewidths=0, label="complete", zorder=3)
    axes.scatter(places[:1], values[:1], s=80, marker="*", color=BEST, edgecolors="white", label="best", zorder=5)
    if data.scale.discrete:
        _draw_means(axes, data, limits)
    data.scale.apply(axes)
    if limits:
        room = 0.03 * (limits[1] - limits[0])
        axes.set_ylim(limits[0] - room, limits[1] + room)


def _draw_deviations(axes: Axes, places: Values, values: Values, deviations: Values) -> None:
    """Draw a bar of a standard deviation to each side of each value: one line with gaps, as thousands are slow."""
    gap = np.full(len(places), np.nan)
    across = np.stack([places, places, gap], axis=1).ravel()
    up = np.stack([values - deviations, values + deviations, gap], axis=1).ravel()
    axes.plot(across, up, color=LIGHT, linewidth=0.8, solid_capstyle="butt", zorder=1)


def _draw_means(axes: Axes, data: Slice, limits: tuple[float, float] | None) -> None:
    """Draw the mean of the complete configurations of each choice on its tick, within the limits of the axis."""
    for tick, mean in data.means.items():
        value, low, high = np.clip([mean.value, mean.low, mean.high], *(limits or (-np.inf, np.inf)))
        axes.errorbar(
            tick, value, [[value - low], [high - value]], fmt="s", markersize=4, color="#222222", capsize=3,
            linewidth=1, zorder=4, label="mean complete, 95 %",
        )  # fmt: skip


def crosses(pruned: NDArray[np.bool_]) -> str:
    """Return what the crosses of a figure are, for its title; empty where there are none."""
    return "; crosses: pruned, at the value expected of them" if pruned.any() else ""


def figure(results: Results) -> Figure:
    """Return the metric against each setting that varied, over the whole range that was searched."""
    data, table = slices(results), expected(results)
    with style():
        columns = 3 if len(data) in (3, 5, 6, 9) else 2 if len(data) in (2, 4) else 4
        whole, axes = panels(len(data), width=3.4, height=2.9, columns=columns, sharey=True)
        for index, (one, part) in enumerate(zip(axes, data, strict=True)):
            draw_slice(one, part, results.mode)
            one.set_xlabel(shown(part.column) + (" (log)" if part.scale.log else ""))
            if index % columns == 0:
                one.set_ylabel(label(results.metric))
        told = [f"Configurations ({describe_runs(table[table['state'] == 'complete'])}){crosses(data[0].pruned)}"]
        told += [", a bar one standard deviation long to each side"] * bool(data[0].pruned.any())
        sentences = ["".join(told), *edge(data[0], results), *constants(results)]
        legend(whole, axes)
        title(whole, *sentences)
    return whole


def edge(data: Slice, results: Results) -> list[str]:
    """Return a sentence that says which points stand at the edge, or none where none does."""
    return ["Worse ones are drawn at the edge"] if focus(data.values, results.mode) else []
