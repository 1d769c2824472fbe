"""Shows what a search would do, without doing it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from search.console import Console
from search.planning.plan import Plan
from search.planning.resources import local_resources, slots
from search.screen.measured import measured
from search.space import Space
from search.space.definition import LEADERS
from search.stopping import PROPOSED_BY_MODEL, StoppingRule, expect, make_rule
from search.wording import counted, show_value

NOT_MEASURED = "not known before a search of this space has measured an epoch; --trials 2 --name measured is enough"


def print_plan(console: Console, plan: Plan) -> None:
    """Print the space as a table, its size, the data, the resources and the plan."""
    space = plan.space
    if plan.space_file.question:
        console.result(plan.space_file.question, style="bold")
    if space.declared:
        console.result(_parameters(space))
        size = space.size()
        console.result(f"size:      {counted(size, 'configuration') if size is not None else 'infinite'}")
    else:
        console.result("parameters are given by a function; they are known once it has been run")
    console.result(_fixed(space))
    for heading, text in _lines(plan):
        console.result(f"{heading + ':':10} {text}")
    console.result("A dry run: nothing was trained.")


def print_space(console: Console, space: Space, name: str) -> None:
    """Print what a space searches and fixes, as a part of `--help`."""
    console.result(f"\nparameters of {name}, each pinned by --set NAME=VALUE:", style="bold")
    if space.declared:
        console.result(_parameters(space))
    else:
        console.result("they are given by a function, and known once it has been run")
    console.result(_fixed(space))
    if space.population is not None:
        console.result(f"population: {space.population.describe()}")


def _fixed(space: Space) -> str:
    return f"fixed:     {', '.join(f'{name}={show_value(value)}' for name, value in space.fixed.items()) or 'nothing'}"


def _parameters(space: Space) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0))
    for heading in ("parameter", "kind", "values", "only when"):
        table.add_column(heading)
    for name, parameter in space.parameters.items():
        when = " and ".join(f"{parent} is {_in_words(values)}" for parent, values in parameter.when.items())
        table.add_row(name, type(parameter).__name__, parameter.describe(), when)
    return table


def _in_words(values: Sequence[object]) -> str:
    """The values of a condition; whole numbers that follow on each other as the first and the last."""
    runs: list[list[object]] = []
    for value in values:
        before = runs[-1][-1] if runs else None
        if type(value) is int and type(before) is int and value == before + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return " or ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else " or ".join(map(str, run)) for run in runs)


def _lines(plan: Plan) -> list[tuple[str, str]]:
    space = plan.space
    lines: list[tuple[str, str]] = []
    if plan.dataset is not None:
        data = plan.dataset
        kind = "rows" if data.input_shapes else "images"
        splits = f"{data.num_train} training, {data.num_validation} validation, {data.num_test} test {kind}"
        classes = f"{data.num_classes} classes" if data.num_classes else "no classes"
        lines.append(("data", f"{data.name} ({data.source}): {splits}, {classes}"))
    elif space.dataset is not None:
        lines.append(("data", f"{space.dataset_name}, which trials {'call' if callable(space.dataset) else 'load'}"))
    lines += _goals(space)
    repeats = f", the leading ones with {space.repeats} seeds" if space.repeats > 1 and space.repeat == "top" else ""
    repeats = f", each with {space.repeats} seeds" if space.repeats > 1 and space.repeat == "all" else repeats
    lines.append(
        ("trials", f"{counted(plan.trials, 'configuration')}{repeats}; sampler {space.sampler}, seed {plan.seed}")
    )
    rule = make_rule(space.stopping, space.mode, space.stopping_options, plan.max_epochs)
    if space.population is not None:
        lines.append(("population", space.population.describe()))
    else:
        lines.append(("stopping", _stopping(space.stopping, rule)))
    count = None
    if plan.options.is_local:
        count = slots(local_resources(), space.shapes(), plan.options.max_concurrent)
    lines += _expected(plan, rule, count)
    if count is not None:
        where = f"{'' if len(space.shapes()) == 1 else 'up to '}{counted(count, 'trial')} at once on this machine"
    else:
        where = f"as many trials at once as fit on the cluster at {plan.options.address}"
    lines.append(("workers", f"{where}, {space.describe_shapes()}"))
    driver = f"; the study and the driver's own copy in {plan.root}" if plan.store is not None else ""
    lines.append(("results", "thrown away" if plan.throwaway else f"{plan.results_path}{driver}"))
    return lines


def _goals(space: Space) -> list[tuple[str, str]]:
    """What the search is to reach, and what it must keep to."""
    follows = "; decides on best epochs, early stopping and pruning" if space.objectives else ""
    lines = [("metric", f"{space.metric}, {space.mode}imised{follows}")]
    if space.objectives:
        lines.insert(0, ("objectives", f"the Pareto front of {space.goals.describe()}"))
    return lines + [("keeps to", f"{name} {text}") for name, text in space.constraints.items()]


def _expected(plan: Plan, rule: StoppingRule, at_once: int | None) -> list[tuple[str, str]]:
    """How many trials come how far, where every trial sees all its images and its length is known, and how long."""
    epochs, rungs = plan.max_epochs, rule.rungs()
    if epochs is None or rungs is None or rule.growth().steps:
        return []
    population = plan.space.population
    if population is not None:
        count = max(1, plan.trials // population.trials(epochs)) * population.members * epochs
        return [("expected", f"about {count:,} epochs in all"), ("time", _time(plan, count, at_once))]
    kept = rule.kept_share()
    if plan.space.sampler == "mfgp" and rule.rungs():
        kept = max(kept, PROPOSED_BY_MODEL)
    found = expect(rungs, kept, epochs, plan.trials, plan.options.epoch_budget)
    arrivals = [(max(1, round(trials)), f"epoch {epoch}") for epoch, trials in found.arrivals]
    (first, where), *others = arrivals
    told = f"about {first:,} {'trial reaches' if first == 1 else 'trials reach'} {where}"
    told += "".join(f", {trials:,} {epoch}" for trials, epoch in others)
    repeats = _most_repeats(plan.space, arrivals[-1][0]) * epochs
    told += f"; {round(found.epochs + repeats):,} epochs in all"
    if plan.space.repeats > 1:
        told += f", up to {repeats:,} of them of repeats" if repeats else ", without those of repeats"
    return [("expected", told), ("time", _time(plan, found.epochs + repeats, at_once))]


def _most_repeats(space: Space, complete: int) -> int:
    """How many repeats there are at most, where so many trials are complete; of a front nobody knows before."""
    repeated = complete if space.repeat == "all" else 0 if space.objectives else min(complete, LEADERS)
    return repeated * (space.repeats - 1)


def _time(plan: Plan, epochs: float, at_once: int | None) -> str:
    known = measured(plan)
    return NOT_MEASURED if known is None else known.describe(epochs, at_once)


def _stopping(name: str, rule: StoppingRule) -> str:
    rungs = rule.rungs()
    if rungs is None:
        return f"{name}, decides after every epoch"
    if not rungs:
        return "none: every trial runs to its end"
    told = f"{name}, decides after epoch {', '.join(map(str, rungs[:8]))}{', ...' if len(rungs) > 8 else ''}"
    shares = [f"{share:.2g} of the training images until epoch {last}" for last, share in rule.growth().steps]
    if rule.growth().anew:
        shares.append("the training begins anew behind each")
    return "; ".join([told, *shares])
