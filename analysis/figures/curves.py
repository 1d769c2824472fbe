"""Draws learning curves: training and validation by epoch, for one trial or for thousands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.configurations import configurations, describe_runs, with_configuration
from analysis.figures.drawing.style import (
    BEST,
    LIGHT,
    TRAIN,
    VALIDATION,
    focus,
    group_style,
    legend,
    panels,
    style,
    title,
    whole_ticks,
)
from analysis.load import Results
from analysis.numbers.by_epoch import Matrix, curves, mean_curve, spread
from analysis.wording.formats import group_name
from search.errors import SearchError
from search.wording import shorten

FEW, MANY = 4, 60
"""Up to FEW trials each has its colour; beyond MANY the range of all replaces the single lines."""


def group_curves(results: Results, metric: str, by: Sequence[str]) -> list[tuple[str, Matrix]]:
    """Return the curves of `curves`, one matrix for each combination of values of the columns `by`, with its name."""
    keys, matrix = curves(results, metric)
    trials = results.trials.set_index("key").loc[keys]
    groups = trials.reset_index().groupby(list(by), sort=True, dropna=False, observed=True).indices
    several = ((values if isinstance(values, tuple) else (values,), rows) for values, rows in groups.items())
    return [(group_name(by, values), matrix[rows]) for values, rows in several]


def draw_lines(axes: Axes, matrix: Matrix, **look: object) -> None:
    """Draw one line for each row, as a single artist."""
    epochs = np.arange(1, matrix.shape[1] + 1, dtype=float)
    lines = np.stack([np.broadcast_to(epochs, matrix.shape), matrix], axis=2)
    axes.add_collection(LineCollection([line[np.isfinite(line[:, 1])] for line in lines], **look))  # type: ignore[arg-type]
    axes.autoscale_view()


def draw_pair(axes: Axes, train: Matrix | None, validation: Matrix, **look: object) -> None:
    """Draw the curves of one trial, shape (epochs,): training dashed, validation solid."""
    epochs = np.arange(1, len(validation) + 1)
    marker = "o" if np.isfinite(validation).sum() == 1 else ""
    axes.plot(epochs, validation, **{"color": VALIDATION, "label": "validation", "marker": marker, **look})  # type: ignore[arg-type]
    if train is not None:
        other = {**{"color": TRAIN, "label": "training"}, **look, "linestyle": "--", "linewidth": 1.2, "marker": marker}
        if "color" in look:
            other["label"] = None
        axes.plot(epochs, train, **other)  # type: ignore[arg-type]


def draw_crowd(axes: Axes, matrix: Matrix) -> None:
    """Draw all trials in the background: single lines, or the range that holds them where they are too many."""
    if len(matrix) <= MANY:
        draw_lines(axes, matrix, color=LIGHT, linewidth=0.8, zorder=1, label=f"validation of {len(matrix)} trials")
        single = matrix[np.isfinite(matrix).sum(axis=1) == 1]  # A line of one epoch has no length.
        axes.plot(np.ones(len(single)), single[:, 0], ".", color=LIGHT, markersize=4, zorder=1)
        return
    epochs = np.arange(1, matrix.shape[1] + 1)
    low, first, middle, third, high = spread(matrix, [0.05, 0.25, 0.5, 0.75, 0.95])
    axes.fill_between(epochs, low, high, color="#e9e9e9", linewidth=0, label=f"90 % of {len(matrix):,} trials")
    axes.fill_between(epochs, first, third, color="#d0d0d0", linewidth=0, label="middle half")
    axes.plot(epochs, middle, color="#999999", linewidth=1, label="median")


def draw_groups(axes: Axes, groups: Sequence[tuple[str, Matrix]]) -> None:
    """Draw the median of each group, with the range of its middle half."""
    for index, (name, matrix) in enumerate(groups):
        epochs = np.arange(1, matrix.shape[1] + 1)
        first, middle, third = spread(matrix, [0.25, 0.5, 0.75])
        look = group_style(index)
        axes.plot(epochs, middle, label=f"{shorten(name)} ({len(matrix)})", **look)
        if len(matrix) > 1:
            axes.fill_between(epochs, first, third, color=look["color"], alpha=0.15, linewidth=0)


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Return training and validation curves of every measure that the trials have by epoch.

    Few trials have a colour each; of many, all are grey and the best is in colour. With `by`, each group has its
    median.
    """
    measures = _measures(results)
    with style():
        whole, axes = panels(len(measures), width=5.2)
        for one, measure in zip(axes, measures, strict=True):
            if by:
                draw_groups(one, group_curves(results, measure, by))
            else:
                _draw(one, results, measure)
            one.set_xlabel("epoch")
            one.set_title(measure.removeprefix("val_"))
            _limit(one, results, measure)
            whole_ticks(one)
        legend(whole, axes, columns=3 if by else 5)
        if by:
            title(whole, "Validation by epoch: median of each group, its middle half (number of trials)")
    return whole


def _measures(results: Results) -> list[str]:
    """Return the metric that chooses, and the loss, where they are stored by epoch."""
    stored = [name for name in results.epochs.columns if results.epochs[name].notna().any()]
    if stored and results.epochs["epoch"].max() < 2:
        raise SearchError(f"{results.names} has no curves: every trial had one epoch.")
    wanted = dict.fromkeys([results.metric, "val_accuracy", "val_loss"])
    found = [name for name in wanted if name in stored]
    if not found:
        raise SearchError(f"{results.names} has no curves: no {results.metric} by epoch is stored.")
    return found


def _draw(axes: Axes, results: Results, measure: str) -> None:
    keys, matrix = curves(results, measure)
    counterpart = measure.removeprefix("val_")
    train = curves(results, counterpart)[1] if counterpart != measure and counterpart in results.epochs else None
    if len(keys) <= FEW:
        trials = results.trials.set_index("key")
        for index, key in enumerate(keys):
            number = str(trials.loc[key, "number"])
            look = {"color": group_style(index)["color"], "label": f"trial {number}"}
            draw_pair(axes, None if train is None else train[index], matrix[index], **(look if len(keys) > 1 else {}))
        if len(keys) > 1 and train is not None:
            axes.plot([], [], color="#555555", linestyle="--", label="training")
        return
    draw_crowd(axes, matrix)
    best = configurations(results).head(1)
    name = f"best: trial {best['number'].iloc[0]}, {describe_runs(best)}"
    own = _mean_curve(results, measure, str(best.index[0]))
    draw_pair(
        axes, None if train is None else _mean_curve(results, counterpart, str(best.index[0])), own,
        color=BEST, label=name, linewidth=2.2,
    )  # fmt: skip
    if train is not None:
        axes.plot([], [], color=BEST, linestyle="--", label="its training", linewidth=1.2)


def _mean_curve(results: Results, measure: str, configuration: str) -> Matrix:
    """Return the mean over the runs of a configuration that reached each epoch, shape (epochs,)."""
    keys, matrix = curves(results, measure, repeats=True)
    runs = with_configuration(results, results.complete())
    own = set(runs.loc[runs["configuration"] == configuration, "key"])
    return mean_curve(matrix[[key in own for key in keys]])


def _limit(axes: Axes, results: Results, measure: str) -> None:
    """Cut an axis where the first epochs, or a few diverging trials, would flatten all that matters."""
    mode = results.mode if measure == results.metric else "min" if measure.endswith("loss") else "max"
    limits = focus(results.epochs[measure].to_numpy(float, na_value=np.nan), mode)
    train = measure.removeprefix("val_")
    if limits and train in results.epochs and results.epochs[train].notna().any():  # Show its better end too.
        ends = float(results.epochs[train].min()), float(results.epochs[train].max())
        limits = (limits[0], max(limits[1], ends[1])) if mode == "max" else (min(limits[0], ends[0]), limits[1])
    if limits:
        room = 0.05 * (limits[1] - limits[0])
        axes.set_ylim(limits[0] - room, limits[1] + room)
        axes.set_title(f"{measure.removeprefix('val_')} (the worst values lie outside)")
