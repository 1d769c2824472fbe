"""Prints the end of a search: the best trials, how to run the best again, where the results are."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from search.console import Console
from search.experiment.again import GIVEN, runnable
from search.experiment.disk import disk_use
from search.experiment.schema import CONFIG_PREFIX, headings
from search.experiment.states import SearchEnd, TrialState
from search.goals import Goals
from search.planning.options.values import set_words
from search.planning.plan import RESULTS, Plan
from search.planning.provenance import relative_to_here
from search.wording import counted, show_seconds, show_value

ROWS = 5
FRONT_ROWS = 15
_METRICS = ("val_accuracy", "val_loss", "test_accuracy", "test_loss")


@dataclass(frozen=True)
class Result:
    """What the summary needs to know of a search that has ended."""

    plan: Plan
    counts: Mapping[str, int]
    repeats: int
    ranked: Sequence[Mapping[str, object]]
    """Rows of the leading trials, best first."""
    best_config: Mapping[str, object] | None
    best_runs: int
    """How often the best configuration was run, with different seeds."""
    best_mean: float | None
    failures: Sequence[Mapping[str, object]]
    seconds: float
    workers: int
    end: SearchEnd
    enough: str | None = None
    """Why it ended by itself, before its number of trials; None where it did not."""
    unread: Sequence[str] = ()
    """Lines on settings without effect."""
    on_a_part: int = 0
    """How many trials were stopped while they trained on a part of their training set."""
    violating: int = 0
    """How many configurations violate a constraint."""
    front: Sequence[str] = ()
    """Trial ids on the Pareto front of several objectives, best by the first of them first."""
    ahead: Mapping[str, object] | None = None
    """Row of a trial that was stopped and has a better value than any that was trained to its end."""


def print_summary(console: Console, result: Result) -> None:
    """Print a table of the leading trials, then lines that can be copied."""
    plan = result.plan
    counts = ", ".join(f"{n} {state}" for state, n in result.counts.items() if n) or "no trial ended"
    repeats = f", {counted(result.repeats, 'repeat')}" if result.repeats else ""
    console.result(f"\n{plan.name}: {counts}{repeats} {_work(result)}.")
    for line in (*result.unread, *_left_out(result), *_why_it_ended(result)):
        console.result(line)
    if result.ranked:
        console.result(f"\n{_heading(result)}", style="bold")
        table, screen = best_table(result), console.screen
        wanted = Measurement.get(screen, screen.options.update_width(10_000), table).maximum
        console.result(table if wanted <= screen.width else best_table(result, a_column_each=True))
    if result.best_config is not None and not plan.throwaway:
        _print_best(console, result, result.best_config)
    _print_failures(console, result)
    if plan.throwaway:
        console.result("A smoke run: its results are thrown away. Name --results to keep them.")
        return
    console.result(f"disk:    {disk_use(plan.root)}")
    if plan.store is not None:
        console.result(f"driver:  {plan.root} holds the study and a copy; it can be made again from the results")
    console.result(f"results: {plan.results_path}")
    if result.ranked:
        console.result(f"compare: python -m analysis.compare {shlex.quote(str(plan.results_path))}")


def _work(result: Result) -> str:
    """Return how long the search took on how many workers, or why no worker had anything to do."""
    seconds = show_seconds(result.seconds)
    if result.workers:
        return f"in {seconds} on {counted(result.workers, 'worker')}"
    if not any(result.counts.values()):
        return f"in {seconds} (none had begun)"
    if result.end in (SearchEnd.FINISHED, SearchEnd.EXHAUSTED):
        return "(no trial was left to do)"
    return "(no other trial had begun)"


def _why_it_ended(result: Result) -> Iterator[str]:
    """Yield sentences on what ended the search, where that was not the number of its trials."""
    plan = result.plan
    left = plan.trials - sum(result.counts.values())
    if result.end is SearchEnd.TIME_BUDGET and plan.options.time_budget_s is not None and left > 0:
        budget = show_seconds(plan.options.time_budget_s)
        yield f"The time budget of {budget} is used up: {left} of {plan.trials} configurations have not ended."
    if result.end is SearchEnd.EPOCH_BUDGET:
        used = plan.options.epoch_budget
        yield f"The epoch budget of {used} epochs is used up; with --resume a larger one goes on."
    if result.enough is not None:
        yield f"It ended by itself: {result.enough}. --resume without that option goes on."
    if result.end is SearchEnd.EXHAUSTED and plan.space.declared:
        yield "The space is exhausted: every configuration that it has was tried."
    elif result.end is SearchEnd.EXHAUSTED:
        yield (
            "A thousand draws gave no further configuration: the function gives those that were tried, or prunes "
            "(TrialPruned) what it draws."
        )


def _left_out(result: Result) -> Iterator[str]:
    """Yield sentences on trials that are not compared with the others."""
    if result.on_a_part:
        yield stopped_on_a_part(result.on_a_part)
    if result.violating:
        yield violating(result.violating, result.plan.space.goals)
    if result.ahead is not None:
        yield stopped_ahead(result.ahead, result.plan.space.metric)


def stopped_on_a_part(count: int) -> str:
    """Return the sentence that says which trials the final comparison leaves out."""
    was = "was" if count == 1 else "were"
    is_not = "is not" if count == 1 else "are not"
    return f"{counted(count, 'trial')} {was} stopped on a part of the training set and {is_not} compared."


def violating(count: int, goals: Goals) -> str:
    """Return the sentence that says which trials are left out for the constraints."""
    verb = "violates" if count == 1 else "violate"
    kept = ", ".join(f"{name} {text}" for name, text in goals.constraints.items())
    return f"{counted(count, 'configuration')} {verb} {kept} and {'is' if count == 1 else 'are'} not compared."


def _heading(result: Result) -> str:
    if not result.front:
        return f"Best trials by {result.plan.space.metric}"
    first = f", the first {FRONT_ROWS}" if len(result.front) > FRONT_ROWS else ""
    return f"Pareto front of {result.plan.space.goals.describe()}: {counted(len(result.front), 'trial')}{first}"


def stopped_ahead(row: Mapping[str, object], metric: str) -> str:
    """Return the sentence that says that the best value is that of no complete trial."""
    value, epochs = show_value(float(str(row[metric]))), counted(int(str(row["epochs"])), "epoch")
    return (
        f"Trial {row['trial_id']} was stopped after {epochs} with {metric} {value}, better than any complete trial; "
        "a search that comes to its end trains it to its end."
    )


def _print_best(console: Console, result: Result, config: Mapping[str, object]) -> None:
    metric, plan = result.plan.space.metric, result.plan
    mean = f"mean of {result.best_runs} seeds" if result.best_runs > 1 else "one seed"
    if result.front:
        first = next(iter(plan.space.objectives))
        console.result(f"best:    the front; trial {result.front[0]} leads it by {first} ({mean})")
    else:
        console.result(f"best {metric}: {show_value(result.best_mean)} ({mean})")
    if plan.space.population is not None:
        _print_member(console, result)
        return
    searched = GIVEN if plan.space_file.packed else relative_to_here(plan.space_file.address)
    words = [searched, *_asked_words(plan, config)]
    # How a training set grows within one training is part of the configuration; a rule never ends a single trial.
    as_then = ["--stopping", plan.space.stopping, "--fidelity", "both"]
    stopping = as_then if plan.fidelity == "both" else ["--stopping", "none"]
    again = [*words, "--trials", "1", *stopping, "--name", f"{plan.name}-best"]
    console.result(f"again:   {runnable(again)}")


def _print_member(console: Console, result: Result) -> None:
    """Print how a member of a population came to its settings: trained alone with the last of them it would differ."""
    best, plan = result.ranked[0], result.plan
    if best.get("parent") is not None:
        console.result(
            f"best:    trial {best['trial_id']} goes on with trial {best['parent']} after epoch "
            f"{best['parent_epoch']}; its settings are those of its last epochs"
        )
    if not plan.space_file.packed:
        words = ["python", "-m", "search.use", "reproduce", str(plan.results_path), "--trial", str(best["trial_id"])]
        console.result(f"again:   {shlex.join(words)}")


def _asked_words(plan: Plan, config: Mapping[str, object]) -> list[str]:
    """Return the words that pin the configuration and repeat what was asked for on the first command line."""
    words = set_words({**plan.options.pins, **config})
    chosen = {"--dataset": plan.options.dataset, "--metric": plan.options.metric, "--mode": plan.options.mode}
    words += [word for flag, value in chosen.items() if value for word in (flag, value)]
    words += [word for name, mode in plan.options.objectives.items() for word in ("--objective", f"{name}:{mode}")]
    words += [word for name, text in plan.options.constraints.items() for word in ("--constraint", f"{name}{text}")]
    if plan.data_dir is not None and os.environ.get("SEARCH_DATA_DIR") != str(plan.data_dir):
        words += ["--data-dir", str(plan.data_dir)]
    if plan.options.smoke:
        words += ["--smoke"]
    if plan.stores is not None or plan.results != RESULTS:
        words += ["--results", str(plan.stores or plan.results)]
    return words + (["--seed", str(plan.seed)] if plan.seed else [])


def _print_failures(console: Console, result: Result) -> None:
    for row in list(result.failures)[:3]:
        log = f"; see {result.plan.root / str(row['log'])}" if row.get("log") and not result.plan.throwaway else ""
        console.result(f"failed:  trial {row['trial_id']}: {row['error']}{log}")
    if len(result.failures) > 3:
        console.result(f"failed:  and {len(result.failures) - 3} more")


def best_table(result: Result, a_column_each: bool = False) -> Table:
    """Return a table of the leading trials by the metric; test values are shown and choose nothing.

    What was measured of a trial with several runs is the mean over them.

    A trial has a row, or a column where the terminal is too narrow for that.
    """
    space = result.plan.space
    goals = (*space.objectives, space.metric, *space.constraints)
    metrics = [name for name in dict.fromkeys((*goals, *_METRICS)) if _any(result.ranked, name)]
    configs = [name for name in _columns(result.ranked) if _any(result.ranked, name)]
    repeated = any(isinstance(row.get("runs"), int) and row["runs"] != 1 for row in result.ranked)
    names = [*["runs"] * repeated, *metrics, "epochs", *configs]
    rows = [[*headings(["trial", *names, "seconds"]).values()]]
    for row in result.ranked[: min(len(result.front), FRONT_ROWS) or ROWS]:
        seconds = f"{float(str(row['train_seconds'])):.1f}"
        state = "" if row["state"] == TrialState.COMPLETE else f" {row['state']}"
        rows.append([f"{row['trial_id']}{state}", *(_cell(row.get(name)) for name in names), seconds])
    top, *body = zip(*rows, strict=True) if a_column_each else rows
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for position, heading in enumerate(top):
        table.add_column(Text(heading), justify="right" if position else "left", no_wrap=position == 0)
    for cells in body:
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    return table


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row if name.startswith(CONFIG_PREFIX)))


def _any(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    return any(row.get(name) is not None for row in rows)


def _cell(value: object) -> str:
    return "" if value is None else show_value(value)
