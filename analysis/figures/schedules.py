"""Draws the settings of a population by epoch: of every member, and of those that led to the best trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.configurations import configurations
from analysis.figures.drawing.scales import scale
from analysis.figures.drawing.style import BEST, LIGHT, label, legend, panels, style, title, whole_ticks
from analysis.load import Results
from search.errors import SearchError
from search.experiment.schema import shown

MOST = 6
"""Number of settings that are drawn."""


def segments(results: Results) -> pd.DataFrame:
    """Return a row for each trial, indexed by its key: `begin` and `end` of its epochs, `parent`, and its settings.

    `begin` is the parent's last epoch, 0 for a first member; `led` is the last epoch that led to the best trial, 0
    where none did. Raises SearchError where no trial goes on with another's training.
    """
    trials = results.trials.set_index("key")
    if "parent" not in trials or not trials["parent"].notna().any():
        raise SearchError(f"{results.names} has no population: no trial goes on with the training of another.")
    alone = len(results.sources) == 1
    names = [key if alone else key.rsplit("/", 1)[0] for key in trials.index]
    parents = [
        None if pd.isna(parent) else str(parent) if alone else f"{name}/{parent}"
        for name, parent in zip(names, trials["parent"], strict=True)
    ]
    begins = trials["parent_epoch"].fillna(0).to_numpy(int)
    ends = begins + trials["epochs"].fillna(0).to_numpy(int)
    found = trials[results.searched].assign(
        begin=begins, end=ends, parent=pd.Series(parents, trials.index, dtype=object)
    )
    found = found[found["end"] > found["begin"]]
    line = _line(found, str(configurations(results).index[0]))
    until = dict(zip(line, [*found.loc[line[1:], "begin"], found.loc[line[-1], "end"]], strict=True))
    return found.assign(led=[int(until.get(str(key), 0)) for key in found.index])


def _line(found: pd.DataFrame, best: str) -> list[str]:
    """Return the keys of a trial and of all whose training it goes on with, the first of them first."""
    line = [best]
    parents = dict(zip(found.index.astype(str), found["parent"], strict=True))
    while (parent := parents.get(line[0])) in parents and parent not in line:
        line.insert(0, str(parent))
    return line


def changed(results: Results, found: pd.DataFrame) -> list[str]:
    """Return the settings in which a trial differs from its parent, in the order of the space."""
    followers = found[found["parent"].isin(found.index)]
    parents = found.loc[followers["parent"]]
    return [
        name
        for name in results.searched
        if any(one != other for one, other in zip(followers[name], parents[name], strict=True) if pd.notna(one))
    ]


def draw_setting(axes: Axes, results: Results, found: pd.DataFrame, name: str) -> None:
    """Draw one setting by epoch: a level line for each trial, and a dotted one from its parent's value."""
    places = scale(results, name, found)
    heights = dict(zip(found.index, places.positions, strict=True))
    for led, look in ((False, {"color": LIGHT, "linewidth": 1.0}), (True, {"color": BEST, "linewidth": 2.2})):
        own = found[found["led"] > 0] if led else found
        parts = [*zip(own.index, own["parent"], own["begin"], own["led"] if led else own["end"], strict=True)]
        levels = [[(begin, heights[key]), (end, heights[key])] for key, _, begin, end in parts]
        followers = [part for part in parts if part[1] in heights]
        steps = [[(begin, heights[parent]), (begin, heights[key])] for key, parent, begin, _ in followers]
        axes.add_collection(LineCollection(levels, label=_told(led), zorder=2 + led, **look))
        axes.add_collection(LineCollection(steps, linestyles=":", zorder=2 + led, **{**look, "linewidth": 1.0}))
    axes.set_xlim(0, found["end"].max())
    places.apply(axes, "y")
    axes.set_title(shown(name))


def _told(led: bool) -> str:
    return "what led to the best trial" if led else "all members"


def draw_metric(axes: Axes, results: Results, found: pd.DataFrame) -> None:
    """Draw the metric by epoch, in which each trial has the epochs that it trained itself."""
    epochs = results.epochs[results.epochs["key"].isin(found.index)]
    for led, look in ((False, {"color": LIGHT, "linewidth": 0.8}), (True, {"color": BEST, "linewidth": 2.2})):
        keys = found[found["led"] > 0].sort_values("begin").index if led else found.index
        groups = [list(keys)] if led else [[key] for key in keys]
        lines = [_curve(epochs, results.metric, group) for group in groups]
        axes.add_collection(LineCollection(lines, zorder=2 + led, **look))
    axes.autoscale_view()
    axes.set_xlim(0, found["end"].max())
    axes.set_title(label(results.metric))


def _curve(epochs: pd.DataFrame, metric: str, keys: Sequence[str]) -> NDArray[np.float64]:
    """Return epochs and values of trials that follow each other, shape (epochs, 2): each until the next begins."""
    own = epochs[epochs["key"].isin(keys)]
    places = own["key"].astype(str).map({key: place for place, key in enumerate(keys)})
    last = own.assign(place=places).sort_values(["epoch", "place"]).drop_duplicates("epoch", keep="last")
    return np.asarray(last[["epoch", metric]].to_numpy(float, na_value=np.nan))


def figure(results: Results) -> Figure:
    """Return a panel for the metric and for each setting that changed."""
    found = segments(results)
    names = changed(results, found)[:MOST]
    with style():
        whole, axes = panels(1 + len(names), width=4.8)
        draw_metric(axes[0], results, found)
        for one, name in zip(axes[1:], names, strict=True):
            draw_setting(one, results, found, name)
        for one in axes:
            one.set_xlabel("epoch")
            whole_ticks(one)
        legend(whole, axes, columns=2)
        followers = int(found["parent"].notna().sum())
        best = configurations(results).iloc[0]["number"]
        title(whole, f"{followers} of {len(found)} trials go on with the training of another. Best: trial {best}")
    return whole
