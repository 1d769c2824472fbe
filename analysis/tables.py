"""Makes the comparison tables: one row for each trial, configuration, or group by any columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.configurations import configurations, describe_runs, image_counts, with_configuration
from analysis.findings import INTERVALS, notes
from analysis.load import Results
from analysis.statistics import Array, bootstrap, wilson
from analysis.wording.columns import find_column, find_columns, settings_not_columns
from analysis.wording.formats import Table
from search.errors import SearchError
from search.experiment.schema import headings, shown

_STATES = ["complete", "running", "pruned", "failed"]
_SHOWN = ("sample_size", "num_parameters", "num_trainable_parameters")
MOST_VALUES = 12
"""Number of values above which a column of floats is grouped in ranges."""


def trial_table(results: Results, sort: str | None = None, top: int | None = None) -> Table:
    """Return one row for each run of a trial, with that run's own values.

    Complete ones come first, best validation first; then running, pruned, failed ones. Within their state, those that
    were stopped on a part of the training set come after the others, the larger part first. Raises SearchError where
    there is no trial, or no column `sort`.
    """
    trials, metric = results.trials, results.metric
    if trials.empty:
        raise SearchError(f"{results.names} has no trials yet; wait for the first, or see the search's own output.")
    trials = _with_front(results, trials)
    order = pd.Categorical(trials["state"], _STATES, ordered=True)
    columns = _trial_columns(results, trials)
    share = trials["training_share"].fillna(1.0) if "training_share" in trials else 1.0
    ranked = trials.assign(_state=order, _share=share)
    by = [metric] if metric in trials else []
    ascending = [True, False, *[results.mode == "min"] * len(by), True]
    ranked = ranked.sort_values(["_state", "_share", *by, "number"], ascending=ascending)
    said = notes(results)
    if sort:
        column = find_column(trials, sort)
        columns += [column] if column not in columns else []
        ranked = ranked.sort_values(column, ascending=_ascending(column, results), kind="stable")
        if "accuracy" in column or "loss" in column or column == metric:
            ranked = ranked.sort_values("_share", ascending=False, kind="stable")
        said = (_sorting(headings(trials.columns)[column]), *said)
    part = ranked.head(top or len(ranked))
    if len(part) < len(ranked):
        said = (f"The first {top} of {len(ranked)} trials.", *said)
        columns = [name for name in columns if name not in ("error", "log") or part[name].notna().any()]
    return Table(_with_test_interval(results, part[columns].reset_index(drop=True), part), said)


def _with_front(results: Results, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with `on_front` for several objectives, also while the search runs; null for repeats."""
    if not results.goals.objectives:
        return trials
    try:
        table = configurations(results)
    except SearchError:
        return trials
    known = table["on_front"].set_axis(table["key"]) if "on_front" in table else pd.Series(dtype=bool)
    return trials.assign(on_front=trials["key"].map(known).astype("boolean"))


def _trial_columns(results: Results, trials: pd.DataFrame) -> list[str]:
    metric = results.metric
    many = ["experiment"] if len(results.sources) > 1 else []
    settings = results.varied or results.searched
    goals = [*results.goals.objectives, *results.goals.constraints]
    measures = ["epochs", "best_epoch", metric, *goals, "violates", "val_loss", "test_accuracy", "test_loss"]
    sizes = [name for name in _sizes(trials) if trials[name].nunique() > 1]
    repeats = ["repeat_of", "seed"] if "repeat_of" in trials and trials["repeat_of"].notna().any() else []
    failures = ["error", "log"] if "error" in trials and trials["error"].notna().any() else []
    wanted = [*many, "number", "state", "on_front", *repeats, *settings, *measures, *sizes, "train_seconds", *failures]
    return [name for name in dict.fromkeys(wanted) if name in trials and trials[name].notna().any()]


def _sizes(trials: pd.DataFrame) -> list[str]:
    """Return the sizes that tell something: the trainable parameters only where many are frozen."""
    found = [name for name in _SHOWN if name in trials and trials[name].notna().any()]
    every, trained = _SHOWN[1:]
    if every in found and trained in found:
        known = trials[[every, trained]].dropna().astype(float)
        if (known[trained] > 0.95 * known[every]).all():
            found.remove(trained)
    return found


def _with_test_interval(results: Results, frame: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the binomial interval of each trial's test accuracy beside it."""
    counts = image_counts(results, "test_accuracy", trials)
    if "test_accuracy" not in frame or counts is None:
        return frame
    images = counts.to_numpy(float)
    low, high = wilson(frame["test_accuracy"], np.where(images > 0, images, np.nan))
    at = frame.columns.get_loc("test_accuracy")
    assert isinstance(at, int)
    frame.insert(at + 1, "test_accuracy low", low)
    frame.insert(at + 2, "test_accuracy high", high)
    return frame


def _ascending(column: str, results: Results) -> bool:
    """Return whether the better comes first by sorting upwards, as for losses, times and settings."""
    measure = column.removeprefix("best ")
    directions = {results.metric: results.mode, **results.goals.directions}
    return directions[measure] == "min" if measure in directions else "accuracy" not in measure


def _sorting(heading: str) -> str:
    if heading.startswith("test"):
        return (
            f"Sorted by {heading}, as asked: whoever chooses by the test set has no unbiased test value left. "
            "Choose by validation."
        )
    return f"Sorted by {heading}."


def configuration_table(results: Results, top: int | None = None) -> Table:
    """Return one row for each configuration, its runs over seeds taken together; best validation first."""
    table = configurations(results)
    many = ["experiment"] if len(results.sources) > 1 else []
    settings = results.varied or results.searched
    goals = [n for n in ("on_front", *results.goals.objectives) if n in table and n != results.metric]
    kept = [*many, "number", *goals, *settings, "runs", "mean", "std", "low", "high", "iqm"]
    measures = ("test", "test_low", "test_high", "test_loss", "seconds")
    frame = table[kept + [name for name in measures if name in table]]
    if not (table["runs"] > 1).any():
        frame = frame.drop(columns=["std", "iqm"])
    names = {"mean": results.metric, "low": f"{results.metric} low", "high": f"{results.metric} high"}
    tests = {"test": "test_accuracy", "test_low": "test_accuracy low", "test_high": "test_accuracy high"}
    frame = frame.rename(columns={**names, **tests}).dropna(axis="columns", how="all").head(top or len(frame))
    return Table(frame.reset_index(drop=True), (f"{INTERVALS}.", _of_what(table), *notes(results)))


def _of_what(table: pd.DataFrame) -> str:
    return f"All measured values: {describe_runs(table)}."


def group_table(results: Results, by: Sequence[str], sort: str | None = None) -> Table:
    """Return one row for each combination of values of the columns `by`, best validation first.

    The columns are `configurations` and `runs` that completed, `pruned` and `failed` where there are any, mean and
    standard deviation of the metric with a bootstrap interval (over configurations, each the mean of its seeds, or over
    the seeds where the group is one configuration), `best`, and the test values, size and seconds of that best one. By
    a column in which runs of one configuration differ, such as `seed`, each run counts in its own group only.
    """
    columns = find_columns(results.trials, by)
    if not columns:
        raise SearchError("no column to group by is named; expected --by PARAM[,PARAM].")
    results.complete()
    grouped_by, told = _binned(results, columns)
    split = _split(results, grouped_by, columns)
    table = configurations(split)
    runs = with_configuration(split, split.complete())
    rows = [
        _group(results, dict(zip(columns, values, strict=True)), part, table, runs)
        for values, part in grouped_by.groupby(columns, sort=True, dropna=False, observed=True)
    ]
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    dull = [name for name in ("pruned", "failed", "running") if not frame[name].any()]
    dull += [name for name in _SHOWN if name in frame and name not in [*_sizes(results.trials), *columns]]
    if "sample_size" in frame and results.trials["sample_size"].nunique() == 1 and "sample_size" not in columns:
        dull.append("sample_size")
    frame = frame.drop(columns=dull)
    whole = {name: "Int64" for name in _SHOWN if name in frame and (frame[name].dropna() % 1 == 0).all()}
    frame = frame.astype(whole)
    order = find_column(frame, sort) if sort else f"best {results.metric}"
    said = (_sorting(headings(frame.columns)[order]),) if sort else ()
    ascending = _ascending(order, results) if sort else results.mode == "min"
    if order in frame:
        frame = frame.sort_values(order, ascending=ascending, kind="stable", na_position="last")
    meaning = (*_meaning(frame, results), _of_what(table))
    told = (*settings_not_columns(results.trials, columns), *told)
    return Table(frame.reset_index(drop=True), (*said, *told, *meaning, *notes(results)))


def _split(results: Results, grouped_by: pd.DataFrame, columns: Sequence[str]) -> Results:
    """Return the results with the runs of a configuration that fall into one group as a configuration of their own."""
    if "repeat_of" not in results.trials or not results.trials["repeat_of"].notna().any():
        return results
    runs = with_configuration(results, grouped_by)
    first = runs.groupby(["configuration", *columns], dropna=False, observed=True)["trial_id"].transform("first")
    return replace(results, trials=results.trials.assign(repeat_of=first.where(first != runs["trial_id"])))


def _group(
    results: Results, values: dict[str, object], part: pd.DataFrame, table: pd.DataFrame, runs: pd.DataFrame
) -> dict[str, object]:
    """Return one row of `group_table`."""
    metric = results.metric
    own = table[table.index.isin(part["key"])]
    mine = runs[runs["configuration"].isin(own.index)]
    states = part["state"].value_counts()
    row = {**values, "configurations": len(own), "runs": len(mine)}
    row.update({state: int(states.get(state, 0)) for state in ("pruned", "failed", "running")})
    spread = mine[metric] if len(own) == 1 else own["mean"]
    interval = bootstrap(spread) if len(spread) > 1 else bootstrap([])
    row[metric] = spread.mean()
    row["std"] = spread.std()
    row[f"{metric} low"], row[f"{metric} high"] = interval.low, interval.high
    row[f"best {metric}"] = np.nan
    if len(own):
        best = own.iloc[0]
        row[f"best {metric}"] = best["mean"]
        tests = {"test_accuracy": "test", "test_accuracy low": "test_low", "test_accuracy high": "test_high"}
        row.update({name: best[column] for name, column in tests.items() if column in own})
        for name in ("test_loss", *_SHOWN, "seconds"):
            if name in own and name not in values:
                row[name] = best[name]
    return row


def _binned(results: Results, columns: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the trials with columns of many floats in ranges of about equal counts, and sentences that say so."""
    trials, told = results.trials.copy(), []
    for column in columns:
        if pd.api.types.is_float_dtype(trials[column]) and trials[column].nunique() > MOST_VALUES:
            edges = np.unique(trials[column].quantile([0, 0.2, 0.4, 0.6, 0.8, 1.0]))
            names = [f"{low} to {high}" for low, high in pairwise(_apart(edges))]
            trials[column] = pd.cut(trials[column], list(edges), labels=names, include_lowest=True)
            told.append(f"{shown(column)} is grouped in {len(names)} ranges of about as many trials each.")
    return trials, tuple(told)


def _apart(edges: Array) -> list[str]:
    """Return numbers as texts, with as many digits as tell all of them apart: three, or more."""
    texts = ([f"{edge:.{digits}g}" for edge in edges] for digits in range(3, 18))
    return next(found for found in texts if len(set(found)) == len(found))


def _meaning(frame: pd.DataFrame, results: Results) -> tuple[str, ...]:
    """Return sentences on what the columns of a grouped table are means of."""
    over = "seeds" if (frame["configurations"] <= 1).all() else "configurations"
    said = [f"{results.metric}: mean over the {over} of a group, with its bootstrap interval."]
    if "test_accuracy" in frame:
        said.append(f"Test values are those of the configuration with the best {results.metric} of each group.")
    if "pruned" in frame:
        said.append("Pruned trials are counted and not averaged: what was stopped early would have lowered the means.")
    return tuple(said)
