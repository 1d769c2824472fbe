"""A whole search in this process, one trial at a time, without Ray, so that a seed gives the same numbers each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from search.driver.search import Search, context_of, open_search
from search.experiment.folder import Experiment
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.provenance import make_manifest
from search.trial.messages import Report, TrialSpec
from search.trial.runner import TrialRunner


def search_in_one_process(words: Sequence[str], goes_on: Callable[[Report], bool] = lambda report: True) -> Search:
    """Run the search that the words of its command ask for; return it with all that it found.

    `goes_on` is told every report, and ends the search by False; the trial that runs then ends there, as cut off.
    """
    plan = make_plan(parse(words), tuple(words), warn=print)
    experiment = Experiment.create(plan.root, plan.space, plan.space_file.text, make_manifest(plan))
    found = open_search(plan, experiment)
    context = context_of(plan, experiment.root, experiment.token, found.rule.rungs())
    runner = TrialRunner(context, "this machine", closing=lambda: False)
    try:
        while isinstance(spec := found.queue.next(), TrialSpec):
            runner.begin(spec)
            while not found.recorder.take(report := runner.proceed()) and report.end is None:
                if not goes_on(report):
                    return found
            if not goes_on(report):
                return found
    finally:
        found.recorder.close()
        runner.close()
        experiment.close()
    return found


def results_to(folder: Path, name: str) -> list[str]:
    """The words that name where results are written."""
    return ["--results", str(folder), "--name", name]
