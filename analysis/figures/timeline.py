"""Draws which worker ran which trial when, and how busy each worker was."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from analysis.figures.drawing.style import STATES, legend, narrow, panels, style, time_unit, title
from analysis.load import Results
from search.errors import SearchError
from search.wording import shorten

MOST = 64
"""Number of workers in one figure; of more, the busiest are drawn, and the title says so."""


def timeline(results: Results) -> pd.DataFrame:
    """Return `worker, state, start, end` of each trial with known times, in seconds from the first trial's start.

    Raises SearchError where workers or times are not stored.
    """
    needed = ["worker", "started_at", "finished_at"]
    trials = results.trials
    if not set(needed) <= set(trials) or trials[needed].dropna().empty:
        raise SearchError(f"{results.names} does not say which worker ran its trials when.")
    known = trials.dropna(subset=needed)
    begin = known["started_at"].min()
    start, end = ((known[name] - begin).dt.total_seconds() for name in needed[1:])
    names = known["worker"].astype(str)
    if len(results.sources) > 1:
        names = known["experiment"].astype(str) + ": " + names
    return pd.DataFrame({"worker": names, "state": known["state"], "start": start, "end": end}).reset_index(drop=True)


def busy(data: pd.DataFrame) -> pd.Series:
    """Return the share of the search in which each worker trained, overlaps counted once, by their first trial."""
    whole = max(float(data["end"].max() - data["start"].min()), 1e-9)
    shares = {}
    for worker, part in data.sort_values("start").groupby("worker", sort=False):
        reached = np.maximum.accumulate(part["end"].to_numpy(float))
        begun = np.maximum(part["start"].to_numpy(float), np.concatenate([[-np.inf], reached[:-1]]))
        shares[worker] = float(np.clip(part["end"].to_numpy(float) - begun, 0, None).sum()) / whole
    return pd.Series(shares, name="busy")


def draw_timeline(axes: Axes, data: pd.DataFrame, shares: pd.Series, unit: float) -> None:
    """Draw one row for each worker, and one bar for each trial in the colour of its state."""
    place = {worker: row for row, worker in enumerate(shares.index[::-1])}
    for state, part in data[data["worker"].isin(place)].groupby("state"):
        rows = part["worker"].map(place).to_numpy(float)
        start, end = part["start"].to_numpy(float) / unit, part["end"].to_numpy(float) / unit
        corners = [(start, rows - 0.36), (start, rows + 0.36), (end, rows + 0.36), (end, rows - 0.36)]
        boxes = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
        drawn = PolyCollection(list(boxes), facecolor=STATES[str(state)], edgecolor="white", linewidth=0.4)
        drawn.set_label(str(state))
        axes.add_collection(drawn)
    axes.set(xlim=(0, float(data["end"].max()) / unit), ylim=(-0.6, len(place) - 0.4))
    labels = [f"{shorten(str(worker), 16 if narrow() else 30)}  {100 * shares[worker]:.0f} %" for worker in place]
    axes.set_yticks(list(place.values()), labels, fontsize=7.5)
    axes.grid(visible=False, axis="y")


def figure(results: Results) -> Figure:
    """Return the trials of each worker over time, with the share of the time in which it was busy."""
    data = timeline(results)
    shares = busy(data)
    part = shares if len(shares) <= MOST else shares[shares.rank(ascending=False, method="first") <= MOST]
    name, unit = time_unit(float(data["end"].max()))
    with style():
        whole, (axes,) = panels(width=8.0, height=1.5 + 0.26 * len(part))
        draw_timeline(axes, data, part, unit)
        axes.set_xlabel(f"{name} since the first trial began")
        more = f", the {MOST} busiest of {len(shares)}" if len(shares) > MOST else ""
        title(whole, f"Training processes{more}; on average busy {100 * shares.mean():.0f} % of the time")
        legend(whole, [axes])
    return whole
