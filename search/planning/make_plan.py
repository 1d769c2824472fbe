"""From the options of a command line to a checked plan, before any training."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from search.errors import SearchError
from search.experiment.remote.resumable import check_free
from search.experiment.remote.store import Store
from search.planning.checks import checked, remarks
from search.planning.dataset import choose_dataset, data_folder
from search.planning.options import Options
from search.planning.overrides import notes_on_options, with_options
from search.planning.plan import RESULTS, Plan
from search.planning.resuming import check_unchanged, manifest_to_resume, resumed_options
from search.planning.smoke import with_files_at_hand
from search.space import Space
from search.space.loading import SpaceFile, read_space, space_of
from search.wording import counted


def make_plan(
    given: Options,
    command: tuple[str, ...],
    warn: Callable[[str], None],
    space_file: SpaceFile | None = None,
    searches: bool = True,
) -> Plan:
    """Load the space, apply the options and check everything; raises SearchError.

    `warn` is told where what will be searched differs from what the space file says. `space_file`: what is searched,
    in place of the file that the options name. `searches`: whether there will be a search; a stored trial is trained
    again also where its sampler, trackers, cluster, or the earlier searches that were learned from, are not at hand.
    """
    space_file = space_file or read_space(given.space)
    space = space_of(space_file, warn)
    name = given.name or space_file.stem
    results, stores = _results(given)
    manifest = manifest_to_resume(results, name, space_file, stores) if given.resume else None
    options = given if manifest is None else resumed_options(given, manifest)
    data_dir = data_folder(options)
    data = choose_dataset(with_options(space, options), options, data_dir, warn)
    notes = [*notes_on_options(space, options)]
    space = with_files_at_hand(data.space, data.info, data_dir, warn) if options.smoke else data.space
    trials = options.trials or _trials(space)
    throwaway = options.smoke and options.results is None
    plan = Plan(
        space_file=space_file,
        space=dataclasses.replace(space, trials=trials),
        name=name,
        results=Path(tempfile.gettempdir()) / f"search-smoke-{os.getpid()}" if throwaway else results,
        trials=trials,
        seed=options.seed or 0,
        dataset=data.info,
        asked_dataset=data.asked,
        data_dir=data_dir,
        throwaway=throwaway,
        stores=stores,
        command=command,
        options=options,
    )
    plan = checked(plan, searches)
    if searches:
        plan = _with_known(plan, warn)
    if manifest is not None:
        check_unchanged(plan, manifest)
    else:
        check_free(plan.root, plan.store)
    for line in (*notes, *(remarks(plan) if searches and not options.smoke else ())):
        warn(line)
    return plan


def _with_known(plan: Plan, warn: Callable[[str], None]) -> Plan:
    """The plan with what earlier searches know of its space; `warn` is told how much that is, and if it is used."""
    if not plan.options.warm_start:
        return plan
    from search.sampling import NON_ADAPTIVE  # noqa: PLC0415  # Optuna takes half a second to import
    from search.warm_start import read_known  # noqa: PLC0415  # likewise

    known = read_known(plan.options.warm_start, plan.space)
    count = counted(len(known.trials), "earlier trial")
    told = f"NOTE: the sampler learns from {count}"
    if plan.space.sampler in NON_ADAPTIVE:
        told = f"NOTE: sampler {plan.space.sampler} learns from no trial, so that --warm-start ({count}) has no effect"
    warn(f"{told}; {known.outside} others are outside of the space." if known.outside else f"{told}.")
    return dataclasses.replace(plan, known=known.trials)


def _results(options: Options) -> tuple[Path, Store | None]:
    """Return the folder of experiments, and the store that gets a copy; raises SearchError where that is silent."""
    if not isinstance(options.results, Store):
        return options.results or RESULTS, None
    options.results.check()
    return RESULTS, options.results


def _trials(space: Space) -> int:
    """Return how many configurations are to be tried without --trials: the number of the space, else all it has.

    A population has as many as it tries when no member fails.
    """
    if space.sampler == "grid":
        if not space.declared:
            raise SearchError(
                "the grid sampler needs declared parameters; this space is a function. Use another sampler."
            )
        return sum(1 for _ in space.grid())
    size = space.size() if space.declared else None
    epochs = space.fixed.get("epochs")
    if space.population is not None and isinstance(epochs, int):
        size = space.population.trials(epochs)
    return space.trials or size or 0
