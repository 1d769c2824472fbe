"""Gives the answer of a search in sentences, each computed from its results."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.configurations import configurations, image_counts, with_configuration
from analysis.findings import best, cautions, constants, front, ties
from analysis.load import Results, states
from analysis.numbers.importance import importance, on_what
from analysis.statistics import Z, pooled_deviation, student
from analysis.stored.source import StoredExperiment
from analysis.wording.formats import cell
from search.errors import SearchError
from search.experiment.again import GIVEN, runnable, under_another_name
from search.experiment.schema import CONFIG_PREFIX, shown
from search.space.values import literal


def answer(results: Results) -> list[tuple[str, list[str]]]:
    """Return headings and sentences: the best, what ties, what mattered, what the noise hides, what to be careful of.

    Raises SearchError where no trial has finished.
    """
    table = configurations(results)
    parts = [
        ("Pareto front", front(results, table)),
        ("Best configuration", [best(results, table), *_test(results, table)]),
        ("Which others tie", ties(results, table)),
        ("What mattered most", mattered(results)),
        ("What the noise hides", noise(results, table)),
        ("What it took", effort(results)),
        ("Careful", [*cautions(results), *results.wrong_epochs]),
    ]
    return [(heading, sentences) for heading, sentences in parts if sentences]


def _test(results: Results, table: pd.DataFrame) -> list[str]:
    row = table.iloc[0]
    if "test" not in row or pd.isna(row["test"]):
        return []
    told = f"It was chosen by {results.metric}; its test value was computed once and chose nothing."
    base = row.get("baseline_accuracy")
    if base is not None and pd.notna(base):
        told += f" Always answering the most frequent class would be right for {float(base):.4f} of the test images."
    return [told]


def mattered(results: Results) -> list[str]:
    """Return sentences on which parameters explain the differences, or why that cannot be said."""
    try:
        table = importance(results)
    except SearchError as error:
        return [f"Not known: {error}"]
    rows = table.to_dict("records")
    shares = [(row["parameter"], _percent(row["importance"])) for row in rows if not row["where"]][:5]
    said = []
    if shares:
        (name, share), others = shares[0], "".join(f", {other} {part}" for other, part in shares[1:])
        said.append(f"Over {on_what(table)}: {name} explains {share} of the differences{others} (fANOVA).")
    for row in rows:
        if row["where"]:
            share = _percent(row["importance"])
            count = row["configurations"]
            said.append(f"Where {row['where']}, {row['parameter']} explains {share} ({count} configurations).")
    return said + [f"{sentence}." for sentence in constants(results)]


def _percent(share: float) -> str:
    """Return a share in percent; one that rounds to all or nothing is not said to be that."""
    return "over 99 %" if share > 0.99 else "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def noise(results: Results, table: pd.DataFrame) -> list[str]:
    """Return sentences on how large a difference must be before it means something."""
    runs = with_configuration(results, results.complete()).dropna(subset=[results.metric])
    repeated = runs[runs["configuration"].duplicated(keep=False)]
    groups = [group.to_numpy(float) for _, group in repeated.groupby("configuration")[results.metric]]
    deviation, degrees = pooled_deviation(groups)
    said = []
    if degrees:
        margin = student(degrees) * deviation * math.sqrt(2)
        said.append(
            f"From seed to seed {results.metric} varies by a standard deviation of {deviation:.2g} ({degrees} degrees "
            f"of freedom), so two single runs that differ by less than {margin:.2g} may be the same."
        )
    else:
        said.append(
            "No configuration was run with a second seed, so the noise of seeds is not known; --repeats 3 tells."
        )
    images = [_image_noise(results, table, metric) for metric in (results.metric, "test_accuracy")]
    said += [sentence for sentence in images if sentence]
    if len(table) > 1:
        said.append(
            f"The best of {len(table)} configurations was chosen for its {results.metric}, which is therefore a little "
            "too good; a value on other images is not."
        )
    return said


def _image_noise(results: Results, table: pd.DataFrame, metric: str) -> str | None:
    counts = image_counts(results, metric, table)
    column = "test" if metric == "test_accuracy" else "mean"
    if counts is None or column not in table or pd.isna(table.iloc[0][column]):
        return None
    row = table.iloc[0]
    images, share = int(counts.iloc[0]), float(np.clip(row[column], 0, 1))
    if not images:
        return None
    margin = Z * math.sqrt(2 * share * (1 - share) / images)
    near = f"two values of {metric} near {share:.4f} that differ by less than {margin:.2g}"
    return f"On {images:,} images, {near} may be the same."


def effort(results: Results) -> list[str]:
    """Return sentences on trials, time and processes."""
    trials = results.trials
    said = [f"{results.names}: {states(trials)}."]
    if {"started_at", "finished_at"} <= set(trials) and trials["finished_at"].notna().any():
        parts = trials.groupby("experiment")
        seconds = float((parts["finished_at"].max() - parts["started_at"].min()).dt.total_seconds().sum())
        told = f"{duration(seconds)} from the first trial's start to the last one's end"
        if "worker" in trials and trials["worker"].notna().any():
            told += f", in {trials['worker'].nunique()} training processes"
        said.append(told + ".")
    first = results.first_runs
    means = first.groupby("state")["epochs"].mean() if "epochs" in first else pd.Series(dtype=float)
    if {"pruned", "complete"} <= set(means.dropna().index):
        told = f"Pruned trials ran {means['pruned']:.1f} epochs on average, complete ones {means['complete']:.1f}."
        said.append(told)
    return said


def duration(seconds: float) -> str:
    """Return seconds in words."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def again(source: StoredExperiment, results: Results) -> list[tuple[str, str]]:
    """Return what can be done and its command, for one experiment: search again, continue, run its best again."""
    file = source.space.file or GIVEN
    words = list(source.manifest.command) or [file]
    table = configurations(results)
    found = [
        ("Search again, under another name", under_another_name(words)),
        ("Continue or extend this search", [*[word for word in words if word != "--resume"], "--resume"]),
    ]
    own = table[table["experiment"] == source.name]
    if len(own) and source.manifest.options.get("stopping") == "population":
        return [*_commands(found), ("Train its best trial again, and all that led to it", _reproduced(source, own))]
    if len(own):
        best_name = f"{source.name.rstrip('/').split('/')[-1]}-best"
        pins = [word for pin in _pins(source, results, own.iloc[0]) for word in ("--set", pin)]
        single = [*_chosen(words), "--trials", "1", *_stopping(source), "--name", best_name]
        found.append(("Run its best configuration again", [file, *pins, *single]))
    return _commands(found)


def _commands(found: Sequence[tuple[str, list[str]]]) -> list[tuple[str, str]]:
    return [(title, runnable(command)) for title, command in found]


def _reproduced(source: StoredExperiment, own: pd.DataFrame) -> str:
    """Return the command that trains a member of a population again, whose settings have changed while it trained."""
    return shlex.join(
        ["python", "-m", "search.use", "reproduce", source.address, "--trial", str(own.iloc[0]["trial_id"])]
    )


def _stopping(source: StoredExperiment) -> list[str]:
    """Return the options that let a single trial run to its end; where the training set grew, the rule stays."""
    options = source.manifest.options
    both = options.get("fidelity") == "both"
    return ["--stopping", str(options.get("stopping")), "--fidelity", "both"] if both else ["--stopping", "none"]


_CHOOSE = ("--dataset", "--metric", "--mode", "--objective", "--constraint", "--seed", "--data-dir", "--results")
"""Options of a search, each with a value, that also hold for a single trial of it: on what, by what, and where."""


def _chosen(words: Sequence[str]) -> list[str]:
    """Return the words of a command that say on what it trains, by what it judges, and where its files are."""
    kept: list[str] = []
    for place, word in enumerate(words):
        if word in _CHOOSE:
            kept += words[place : place + 2]
        elif word == "--smoke" or word.startswith(tuple(f"{flag}=" for flag in _CHOOSE)):
            kept.append(word)
    return kept


def _pins(source: StoredExperiment, results: Results, row: pd.Series) -> list[str]:
    """Return the settings that were pinned on the command line, and those of the configuration."""
    pins = dict(source.manifest.pins)
    for name in results.searched:
        value = row[name]
        if pd.notna(value):
            pins[shown(name)] = repr(float(value)) if isinstance(value, float) else _word(value)
        elif _is_none(results.parameter(name), row):
            pins[shown(name)] = "None"
    return [f"{name}={value}" for name, value in pins.items()]


def _word(value: object) -> str:
    """Return a stored value as the command line takes it: a text that reads like another value keeps its quotes.

    Of options of mixed types the column holds the texts, and a quoted text stands for the option whose text it is.
    """
    if not isinstance(value, str):
        return cell(value)
    return value if literal(value) == value else repr(value)


def _is_none(parameter: Mapping[str, Any], row: pd.Series) -> bool:
    """Return whether the option None was taken where the table holds nothing, and not an inactive parameter."""
    when = parameter.get("when") or {}
    active = all(cell(row.get(CONFIG_PREFIX + name)) in map(str, values) for name, values in when.items())
    return active and "None" in parameter.get("options", ())
