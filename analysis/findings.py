"""Says what the results show, in sentences computed from them: the best, what ties, and what to be careful about."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from analysis.configurations import configurations, image_counts, verdicts
from analysis.load import Results, states
from analysis.wording.formats import cell
from search.experiment.schema import shown
from search.wording import shorten

INTERVALS = (
    "95 % intervals: over its seeds where a configuration was repeated, else binomial on the images of its one run"
)


def settings(results: Results, row: pd.Series) -> str:
    """Return the settings of a trial in words, inactive ones left out, long values cut."""
    names = [name for name in results.varied or results.searched if pd.notna(row[name])]
    return ", ".join(f"{shown(name)}={_setting(row[name])}" for name in names) or "no settings"


def _setting(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else shorten(cell(value), 60)


@lru_cache(maxsize=8)
def notes(results: Results) -> tuple[str, ...]:
    """Return the sentences that stand below every table."""
    said = [f"{results.names}: {states(results.trials)}."]
    done = (results.trials["state"] == "complete") & ~results.violating
    if results.metric in results.trials and results.trials.loc[done, results.metric].notna().any():
        table = configurations(results)
        said += [*front(results, table), best(results, table), *ties(results, table)]
        if "test_accuracy" in results.trials:
            said.append(f"{results.metric} chooses; the test set is shown and never chosen by.")
    said += cautions(results)
    return tuple(said)


def front(results: Results, table: pd.DataFrame) -> list[str]:
    """Return a sentence on the front of several objectives: how many, and what they span; none for a single metric."""
    if "on_front" not in table:
        return []
    on, goals = table[table["on_front"]], results.goals
    spans = [f"{name} {cell(float(on[name].min()))} to {cell(float(on[name].max()))}" for name in goals.objectives]
    return [
        f"{len(on)} of {len(table)} configurations are on the Pareto front of {goals.describe()}: {', '.join(spans)}. "
        f"Which of them is best is yours to say; below, it is the best by {next(iter(goals.objectives))}."
    ]


def best(results: Results, table: pd.DataFrame) -> str:
    """Return a sentence that says which configuration is best, with its intervals."""
    row = table.iloc[0]
    told = f"Best: trial {row['number']}"
    if len(results.sources) > 1:
        told += f" of {row['experiment']}"
    told += f" ({settings(results, row)}): {results.metric} {_value(row, 'mean', 'low', 'high', results.metric)}"
    told += f", mean of {row['runs']} runs" if row["runs"] > 1 else ", one run"
    if "test" in row and pd.notna(row["test"]):
        told += f"; test_accuracy {_value(row, 'test', 'test_low', 'test_high', 'accuracy')}"
        told += _images(results, row)
    return told + "."


def _value(row: pd.Series, value: str, low: str, high: str, metric: str) -> str:
    decimals = 4 if "accuracy" in metric else None
    told = cell(float(row[value]), decimals)
    if pd.notna(row[low]):
        told += f" (95 % {cell(float(row[low]), decimals)} to {cell(float(row[high]), decimals)})"
    return told


def _images(results: Results, row: pd.Series) -> str:
    counts = image_counts(results, "test_accuracy", row.to_frame().T)
    count = 0 if counts is None else int(counts.iloc[0])
    return f" on {count:,} images" if count else ""


def ties(results: Results, table: pd.DataFrame, top: int = 50) -> list[str]:
    """Return a sentence on which configurations the noise does not tell from the best, or none for a single one."""
    if len(table) < 2 or "on_front" in table:  # What is equal in one of several objectives differs in another.
        return []
    compared = verdicts(results, table, top)
    if (compared["high"] == float("inf")).all():
        return ["Every configuration was run once, so the noise is not known; --repeats 3 would tell which differ."]
    tied = table.loc[compared.index[compared["tied"]]]
    if len(table) == 2:
        basis = f" (trial {table.loc[compared.index[0], 'number']}; judged by {compared['basis'].iloc[0]})"
        return [f"The other configuration is {'' if len(tied) else 'not '}inside the noise of the best{basis}."]
    rest = f" of the {len(compared)} next best" if len(table) > top else f" of the other {len(compared)}"
    which = "next best" if len(table) > top else "other"
    count = f"All {len(compared)} {which}" if len(tied) == len(compared) else f"{len(tied)}{rest}"
    if tied.empty:
        return [f"None{rest} configurations is inside the noise of the best."]
    names = ", ".join(str(number) for number in tied["number"].head(8)) + (", ..." if len(tied) > 8 else "")
    verb, noun = ("is", "trial") if len(tied) == 1 else ("are", "trials")
    bases = ", ".join(sorted(compared.loc[tied.index, "basis"].unique())[:2])
    return [f"{count} configurations {verb} inside the noise of the best ({noun} {names}; judged by {bases})."]


def constants(results: Results) -> list[str]:
    """Return a sentence on which searched parameters had the same value in all trials, or none."""
    told = [f"{shown(name)}={_setting(results.trials[name].iloc[0])}" for name in results.constant]
    return [f"Searched, and the same in every trial: {', '.join(told)}"] if told and len(results.trials) > 1 else []


def cautions(results: Results) -> list[str]:
    """Return what a reader must know about the data and the files."""
    said = []
    for source in results.sources:
        used = source.dataset
        if used and used.asked and used.asked != used.name:
            said.append(f"{source.name} used {used.name} in place of {used.asked}, which was not there.")
    names = {source.dataset.name for source in results.sources if source.dataset}
    if len(names) > 1:
        said.append(
            f"The experiments used different data sets ({', '.join(sorted(names))}): values are not comparable."
        )
    stopped = int((results.on_a_part & (results.trials["state"] == "pruned")).sum())
    if stopped:
        trials, verb = ("trial was", "is") if stopped == 1 else ("trials were", "are")
        said.append(f"{stopped} {trials} stopped on a part of the training set and {verb} not compared.")
    violating = int(results.violating.loc[results.first_runs.index].sum())
    if violating:
        kept = ", ".join(f"{name} {text}" for name, text in results.goals.constraints.items()) or "a constraint"
        trials, verb = ("trial violates", "is") if violating == 1 else ("trials violate", "are")
        said.append(f"{violating} {trials} {kept} and {verb} not compared.")
    follow = int(results.trials["parent"].notna().sum()) if "parent" in results.trials else 0
    if follow:
        trials, their = ("trial goes", "its") if follow == 1 else ("trials go", "their")
        said.append(
            f"{follow} {trials} on with the training of another, which the column parent names: {their} settings hold "
            f"for {their} own epochs only, and the epochs before led to {their} result, too."
        )
    if results.skipped:
        said.append(f"Damaged files were left out: {', '.join(results.skipped)}.")
    return [*said, *results.wrong]
