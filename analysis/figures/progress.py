"""Draws how a search went: the best value so far, against trials and time, and where trials were stopped."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.drawing.style import (
    BEST,
    BLUE,
    GREY,
    STATES,
    label,
    legend,
    panels,
    robust_limits,
    style,
    time_unit,
    title,
    whole_ticks,
)
from analysis.load import Results
from search.errors import SearchError


def progress(results: Results) -> pd.DataFrame:
    """Return the trials of each experiment in the order in which they ended, repeats left out.

    The columns are `experiment, key, state, value, best` (among complete ones so far; a failed trial improves nothing),
    `finished` (1, 2, ...) and, where times are stored, `seconds` since the first trial began.
    """
    trials = results.first_runs[results.first_runs["state"] != "running"]
    order = "finished_at" if "finished_at" in trials else "number"
    frame = trials.sort_values(["experiment", order], kind="stable")
    values = frame[results.metric] if results.metric in frame else pd.Series(np.nan, frame.index)
    counts = (frame["state"] == "complete") & ~results.violating.loc[frame.index]
    complete = values.where(counts).groupby(frame["experiment"])
    best = complete.cummax() if results.mode == "max" else complete.cummin()
    names = ["experiment", "key", "state"]
    table = frame[names].assign(value=values)
    table["best"] = best.groupby(frame["experiment"]).ffill()
    table["finished"] = frame.groupby("experiment").cumcount() + 1
    if {"started_at", "finished_at"} <= set(frame):
        start = frame.groupby("experiment")["started_at"].transform("min")
        table["seconds"] = (frame["finished_at"] - start).dt.total_seconds()
    return table.reset_index(drop=True)


def survivors(results: Results) -> pd.DataFrame:
    """Return how far trials went, repeats left out: by `epoch`, how many `reached` it and were `pruned` there.

    Raises SearchError where that is not stored.
    """
    trials = results.first_runs
    if "epochs" not in trials or not trials["epochs"].notna().any():
        raise SearchError(f"{results.names} does not say how many epochs its trials went.")
    lengths = trials["epochs"].fillna(0).astype(int)
    epochs = np.arange(1, max(int(lengths.max()), 1) + 1)
    reached = (lengths.to_numpy()[:, None] >= epochs).sum(axis=0)
    pruned = lengths[trials["state"] == "pruned"].value_counts().reindex(epochs, fill_value=0)
    return pd.DataFrame({"reached": reached, "pruned": pruned.to_numpy()}, index=pd.Index(epochs, name="epoch"))


def limits(data: pd.DataFrame, mode: str) -> tuple[float, float] | None:
    """Return limits that show the complete trials well where bad ones, far off, would flatten them; else None."""
    complete = data.loc[data["state"] == "complete", "value"].dropna()
    low, high = robust_limits(complete.tolist(), mode, room=0) or (float(complete.min()), float(complete.max()))
    spread = high - low
    worst = float(data["value"].min() if mode == "max" else data["value"].max())
    if not spread > 0 or (low - worst if mode == "max" else worst - high) <= 2 * spread:
        return None
    near, far = 0.05 * spread, 0.6 * spread
    return (low - far, high + near) if mode == "max" else (low - near, high + far)


def draw_progress(axes: Axes, data: pd.DataFrame, against: str, mode: str) -> None:
    """Draw every trial as a point, failed ones at the bottom, and the best so far as steps."""
    shown = limits(data, mode)
    if shown:
        inside = 0.03 * (shown[1] - shown[0])
        data = data.assign(value=data["value"].clip(shown[0] + inside, shown[1] - inside))
    for state, marker, size in (("pruned", "x", 14), ("complete", "o", 14)):
        part = data[(data["state"] == state) & data["value"].notna()]
        if part.empty:
            continue
        axes.scatter(
            part[against], part["value"], s=size, marker=marker, color=STATES[state], label=state, linewidths=1
        )
    failed = data[data["state"] == "failed"]
    if len(failed):
        place = axes.get_xaxis_transform()
        axes.scatter(
            failed[against], np.full(len(failed), 0.015), s=22, marker="|", color=STATES["failed"], label="failed",
            transform=place, clip_on=False,
        )  # fmt: skip
    for index, (_, part) in enumerate(data.groupby("experiment", sort=False)):
        name = "best so far" if index == 0 else None
        steps = part[part["best"].ne(part["best"].shift()) | (part[against] == part[against].max())]
        axes.step(steps[against], steps["best"], where="post", color=BEST, linewidth=1.8, label=name)
    if shown:
        axes.set_ylim(*shown)


def draw_survivors(axes: Axes, data: pd.DataFrame) -> None:
    """Draw trials that reached each epoch as steps, and the rungs, where some were stopped, as bars."""
    epochs = data.index.to_numpy()
    axes.bar(epochs, data["pruned"], color=GREY, width=0.6, label="pruned at this epoch")
    axes.step(epochs, data["reached"], where="mid", color=BLUE, label="reached this epoch")
    axes.set_ylim(bottom=0)


def figure(results: Results) -> Figure:
    """Return the best so far against trials and against time, and how far trials went before a rung stopped them."""
    data = progress(results)
    if data["value"].isna().all():
        raise SearchError(f"{results.names} has no finished trial with {results.metric}.")
    timed = "seconds" in data and bool(data["seconds"].notna().any())
    reached = survivors(results) if "epochs" in results.trials and results.trials["epochs"].max() > 1 else None
    with style():
        whole, axes = panels(1 + timed + (reached is not None), width=4.6, columns=3)
        draw_progress(axes[0], data, "finished", results.mode)
        axes[0].set(xlabel="configurations ended", ylabel=label(results.metric))
        whole_ticks(axes[0])
        if timed:
            unit, size = time_unit(float(data["seconds"].max()))
            draw_progress(axes[1], data.assign(time=data["seconds"] / size), "time", results.mode)
            axes[1].set(xlabel=f"{unit} since the first began", xlim=(0, None))
            if data["seconds"].max() / size > 5:
                whole_ticks(axes[1])
        if reached is not None:
            draw_survivors(axes[-1], reached)
            axes[-1].set(xlabel="epoch", ylabel="trials")
            whole_ticks(axes[-1])
            whole_ticks(axes[-1], "y")
        legend(whole, axes, columns=6)
        edge = "worse ones are drawn at the edge" if limits(data, results.mode) else ""
        title(whole, "Configurations by their first run, at their best epoch" + (f"; {edge}" if edge else ""))
    return whole
