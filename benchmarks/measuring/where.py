"""Finds where the time of a search goes, from the columns that it stores."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.measuring.command import Run
from search.experiment.schema import read_epochs, read_trials


def where(experiment: Path, run: Run) -> str:
    """Return a Markdown list: the time to the first trial, of workers' preparations, of a warm trial, of the end."""
    trials = trial_times(experiment)
    first = trials.groupby("worker").head(1)
    warm = trials.iloc[len(trials) // 2 :]
    proposed = trials["started_at"].min() - first["wait_seconds"].max()
    traced = trials[trials["first_epoch"] > 3 * warm["first_epoch"].median()]
    inside, outside, gap, wait = (1000 * warm[name].median() for name in ("inside", "outside", "gap", "wait_seconds"))
    end = run.began_at + run.seconds - trials["finished_at"].max()
    lines = [
        f"{run.trials} trials, {run.seconds:.1f} s, {len(first)} training processes:",
        f"- command to first proposal (imports, plan, Ray): {proposed - run.began_at:.2f} s",
        f"- first proposal to first work (actors, processes): {first['wait_seconds'].max():.2f} s",
        f"- a process's first trial outside its epochs (import, data, model): {first['outside'].median():.2f} s",
        f"- epochs that trace a program: {len(traced)}, {traced['first_epoch'].sum() / len(first):.2f} s a process",
        f"- median trial of the second half: {inside:.1f} ms in epochs, {outside:.1f} ms beside them (weights, test)",
        f"- from the driver's hearing of a trial's end to the start of the worker's next: {gap:.1f} ms, below 0 where "
        f"that was held; {wait:.1f} ms from a trial's proposal to its start",
        f"- last trial to end of command: {end:.2f} s",
        "",
    ]
    return "\n".join(lines)


def trial_times(experiment: Path) -> pd.DataFrame:
    """Return trials in the order of their start, with seconds `inside` and `outside` epochs and a `gap` before them.

    The end of a trial is when the driver heard of it: a worker that held its next trial has begun that before.
    """
    trials: pd.DataFrame = read_trials(experiment).table.to_pandas()
    trials = trials.set_index("trial_id").sort_values("started_at")
    for name in ("started_at", "finished_at"):
        trials[name] = trials[name].astype("datetime64[us, UTC]").astype("int64") / 1e6
    epochs = read_epochs(experiment).table.to_pandas()
    trials["inside"] = epochs.groupby("trial_id")["seconds"].sum()
    trials["first_epoch"] = epochs[epochs["epoch"] == 1].set_index("trial_id")["seconds"]
    trials["outside"] = trials["finished_at"] - trials["started_at"] - trials["inside"]
    trials["gap"] = trials["started_at"] - trials.groupby("worker")["finished_at"].shift()
    return trials
