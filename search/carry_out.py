"""Carries out what a command line or Python asks for: plan, search, say where the results are."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.console import Console
from search.driver.ranking import best, count_on_a_part, front, ranked, row_with_means, values_by_configuration
from search.errors import SearchError, StorageLost
from search.experiment.folder import Experiment
from search.experiment.manifest import read_manifest
from search.experiment.remote.resumable import newest
from search.experiment.schema import read_trials
from search.experiment.states import SearchEnd, TrialState
from search.experiment.trackers import Tracking
from search.planning.make_plan import make_plan
from search.planning.options import Options
from search.planning.plan import Plan
from search.planning.provenance import describe_options, make_manifest, new_session, now
from search.screen.dry_run import print_plan
from search.screen.live_view import LiveView
from search.screen.page import SearchPage
from search.screen.summary import Result, print_summary
from search.space.loading import SpaceFile
from search.trial.forking.launch import ForkServer, ForkServerPlan
from search.trial.messages import ProcessResources
from search.trial.process import import_path, training_environment
from search.wording import counted
from trainables.trial import declaration_of

if TYPE_CHECKING:
    from search.cluster.execution import Outcome  # Ray takes a second to import.
    from search.driver.search import Search  # Optuna and Arrow take as long.


@dataclass(frozen=True)
class Ended:
    """A search that was carried out, and how it ended."""

    plan: Plan
    end: SearchEnd
    fault: str | None
    """Why nothing, or not all, was found, and what to do; None where there is nothing to complain of."""

    @property
    def goes_on(self) -> bool:
        """Whether the search was ended before its time, and can be resumed where its folder is kept."""
        return self.end in (SearchEnd.INTERRUPTED, SearchEnd.TIME_BUDGET)


def carry_out(
    options: Options, command: tuple[str, ...], console: Console, space_file: SpaceFile | None = None
) -> Ended | None:
    """Search as the options say; None after a dry run. Raises SearchError, TrainableError.

    `space_file`: what is searched, where it is no file that the options name.
    """
    environment = dict(os.environ)
    plan = make_plan(options, command, warn=console.warning, space_file=space_file)
    changed = {name: value for name, value in os.environ.items() if environment.get(name) != value}
    fork_server = _fork_server_plan(plan, changed)
    for note in plan.dataset.notes if plan.dataset is not None else ():
        console.note(note)
    if options.dry_run:
        print_plan(console, plan)
        return None
    try:
        with _forking_here(plan, fork_server):
            return _search(plan, console, fork_server)
    finally:
        if plan.throwaway:
            shutil.rmtree(plan.results, ignore_errors=True)


def _fork_server_plan(plan: Plan, environment: dict[str, str]) -> ForkServerPlan | None:
    """What training processes may be forked from, with the `environment` that the space file has set.

    None where trials do not say what they import, or use GPUs or different numbers of cores.
    """
    space, declared, shapes = plan.space, declaration_of(plan.space.trainable), plan.space.shapes()
    if declared.warm_up is None or sys.platform != "linux" or len(shapes) > 1 or shapes[0].gpus:
        return None
    data: tuple[object, ...] = ()
    if declared.open_data is not None and isinstance(space.dataset, str) and space.declared:
        data_dir = str(plan.data_dir.resolve()) if plan.data_dir else None
        data = (declared.open_data, space.dataset, data_dir, space.settings())
    return ForkServerPlan.of(declared.warm_up, max(1, int(shapes[0].cpus)), environment, data)


@contextmanager
def _forking_here(plan: Plan, fork_server: ForkServerPlan | None) -> Iterator[None]:
    """Have TensorFlow imported, while Ray starts here, by a process that all training processes are then forked from.

    The nodes of a cluster, where Ray runs already, are told later.
    """
    if fork_server is None or not plan.options.is_local:
        yield
        return
    server = ForkServer(fork_server, training_environment(import_path(), ProcessResources(fork_server.address.cpus)))
    try:
        yield
    finally:
        server.close()


def _search(plan: Plan, console: Console, fork_server: ForkServerPlan | None) -> Ended:
    before, fetch = newest(plan.root, plan.store) if plan.options.resume else (None, False)
    experiment = _open(plan, before, fetch)
    for remark in experiment.remarks():
        console.warning(remark)
    begun = time.monotonic()
    if plan.options.log:
        experiment.tracking = Tracking(plan.options.log, experiment.root)
    page = SearchPage(experiment.root) if plan.options.page else None
    try:
        with ExitStack() as cluster:
            with LiveView(console, _opening(plan)) as view:
                # Ray takes a second to import: no refusal waits for it, and the first line does not.
                from search.cluster.execution import executed  # noqa: PLC0415
                from search.driver.search import snapshot  # noqa: PLC0415

                def watch(search: Search, slots: int) -> None:
                    for other in (experiment.copy, experiment.tracking):
                        search.recorder.note(other.news() if other is not None else ())
                    if page is not None and (line := page.news()) is not None:
                        console.result(line)
                    view.show(lambda: snapshot(search, slots, begun, foresee=view.draws_running))

                outcome = cluster.enter_context(executed(plan, experiment, watch, console, fork_server))
            experiment.compact()
            _close_manifest(experiment, outcome)
            if experiment.tracking is not None:
                for line in experiment.tracking.close():
                    console.warning(line)
            unsent = experiment.copy.settle() if experiment.copy is not None else None
            result = _result(outcome, time.monotonic() - begun)
            print_summary(console, result)  # Before the cluster is left, which nobody should have to wait for.
    except StorageLost:
        raise
    except (SearchError, KeyboardInterrupt):
        _take_back(experiment, before)
        raise
    finally:
        if page is not None:
            page.close()
        experiment.close()
    if unsent is not None:
        raise unsent
    return Ended(plan, outcome.end, _fault(outcome, result))


def _result(outcome: Outcome, seconds: float) -> Result:
    plan, trials = outcome.search.plan, outcome.search.trials
    ended = trials.ended.values()
    leader = best(ended, plan.space.goals)
    runs = values_by_configuration(ended).get(leader.trial_id, []) if leader else []
    return Result(
        plan=plan,
        counts=trials.counts(),
        repeats=trials.repeats(),
        ranked=[row_with_means(trial, ended) for trial in ranked(ended, plan.space.goals)[:20]],
        best_config=leader.config if leader else None,
        best_runs=len(runs),
        best_mean=sum(runs) / len(runs) if runs else None,
        failures=[trial.row for trial in ended if trial.state is TrialState.FAILED],
        seconds=seconds,
        workers=len(outcome.search.recorder.workers),
        end=outcome.end,
        enough=outcome.search.queue.found_enough() if outcome.end is SearchEnd.ENOUGH else None,
        on_a_part=count_on_a_part(ended),
        violating=sum(trial.violates is not None and trial.repeat_of is None for trial in ended),
        front=front(ended, plan.space.goals) if plan.space.objectives else (),
        ahead=stopped.row if (stopped := trials.stopped_leader()) else None,
        unread=[*outcome.search.recorder.unread.lines(), *outcome.search.recorder.alike.lines()],
    )


def _opening(plan: Plan) -> str:
    data = f" on {plan.dataset.name}" if plan.dataset is not None else ""
    return f"{plan.name}: {counted(plan.trials, 'configuration')}{data}, sampler {plan.space.sampler}; starting workers"


def _open(plan: Plan, before: dict[str, Any] | None, fetch: bool) -> Experiment:
    if before is None:
        return Experiment.create(plan.root, plan.space, plan.space_file.text, make_manifest(plan), plan.store)
    sessions = [*before["sessions"], new_session(plan)]
    changes = {"state": str(SearchEnd.RUNNING), "options": describe_options(plan), "sessions": sessions}
    if plan.store is not None:
        changes["store"] = plan.store.plain
    return Experiment.reopen(plan.root, plan.space, {**before, **changes}, plan.store, fetch)


def _take_back(experiment: Experiment, before: dict[str, Any] | None) -> None:
    """Leave the experiment as if the command had not been given, unless a new one holds a trial already."""
    if before is not None:
        experiment.update_manifest(before)
        if experiment.copy is not None:
            experiment.copy.settle(patience_s=5.0)
    elif not read_trials(experiment.root).table.num_rows:
        experiment.discard()


def _close_manifest(experiment: Experiment, outcome: Outcome) -> None:
    manifest = read_manifest(experiment.root)
    sessions = manifest["sessions"]
    sessions[-1] |= {"finished_at": now(), "end": str(outcome.end)}
    if outcome.end is SearchEnd.ENOUGH:
        sessions[-1]["reason"] = outcome.search.queue.found_enough()
    search = outcome.search
    leader = best(search.trials.ended.values(), search.plan.space.goals)
    model = search.recorder.best_model
    found: dict[str, Any] | None = None
    if leader is not None:
        found = {"trial_id": leader.trial_id, "value": leader.value, "model": model}
        if search.plan.space.objectives:
            found["front"] = front(search.trials.ended.values(), search.plan.space.goals)
    experiment.update_manifest({"sessions": sessions, "state": _state(outcome.end), "best": found})


def _state(end: SearchEnd) -> str:
    """What the manifest says of the experiment as a whole: a search out of time can be gone on with, too."""
    if end in (SearchEnd.EXHAUSTED, SearchEnd.EPOCH_BUDGET, SearchEnd.ENOUGH):
        return str(SearchEnd.FINISHED)
    return str(SearchEnd.INTERRUPTED if end is SearchEnd.TIME_BUDGET else end)


def _fault(outcome: Outcome, result: Result) -> str | None:
    if outcome.reason is not None:
        return (
            f"the search was ended: {outcome.reason}. Mend that and go on with --resume --retry-failed, or, where the "
            "space file has changed, search again under another --name."
        )
    if result.ranked or result.on_a_part or outcome.end in (SearchEnd.INTERRUPTED, SearchEnd.TIME_BUDGET):
        return None
    if result.violating:
        return "no configuration keeps the constraints; the column `violates` of the table of trials has their values."
    return "no trial succeeded; the table of trials names the error of each."
