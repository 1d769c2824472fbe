"""One search on Tune, from the checked plan to the stored results: start, run, interrupt, end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass

import ray
from ray import tune
from ray.air._internal import usage

from search.cluster.closing import raise_sign
from search.cluster.connection import connected
from search.cluster.interrupts import Interrupts
from search.cluster.local.daemons import inherited_environment, replaced
from search.cluster.nodes.capacity import NodeCapacities, addable, autoscaler_config
from search.cluster.nodes.capacity import nodes as alive_nodes
from search.cluster.nodes.checks import check_nodes, check_view
from search.cluster.nodes.fork_servers import start_fork_servers
from search.cluster.scheduler import SearchStopper, StepCallback, WorkerScheduler
from search.cluster.searcher import WorkerSearcher
from search.cluster.watchdog import STUCK_S, Watchdog
from search.cluster.worker import Worker, WorkerStarted, tune_left_out
from search.console import Console
from search.driver.search import Search, context_of, open_search
from search.driver.workers.dispatch import Dispatcher
from search.errors import SearchError, StorageLost
from search.experiment.folder import Experiment
from search.experiment.states import SearchEnd
from search.planning.plan import Plan
from search.planning.resources import slots as fitting_slots
from search.space.per_trial import Shape
from search.trial.forking.launch import ForkServerPlan
from search.trial.messages import CLOSING, SearchContext
from search.trial.process import is_training

GRACE_S = 5.0
"""How long running trials have, after an interrupt, to reach the end of an epoch and save."""
CLUSTER_GRACE_S = 30.0
"""The same on a cluster, where a worker hears of it within a second and may send its checkpoint to a store."""


@dataclass(frozen=True)
class Outcome:
    """How a search ended."""

    end: SearchEnd
    reason: str | None
    """One line on why it ended, where there is something to say."""
    search: Search


Watch = Callable[[Search, int], None]
"""Called many times a second with the search and the number of trials that can run at once."""


@contextmanager
def executed(
    plan: Plan, experiment: Experiment, watch: Watch, console: Console, fork_server: ForkServerPlan | None = None
) -> Iterator[Outcome]:
    """Run the search, and leave the cluster when the context ends: what was found can be told before.

    Raises SearchError where the cluster or the plan does not allow it.
    """
    with experiment.writing():
        search = open_search(plan, experiment)
        (experiment.root / CLOSING).unlink(missing_ok=True)
    local = plan.options.is_local
    with Interrupts() as interrupts, connected(plan.options.address) as nodes:
        shapes = _shapes_of(plan)
        autoscaler = {} if local else autoscaler_config(shapes, plan.options.max_concurrent)
        slots = fitting_slots([*nodes, *addable(autoscaler, alive_nodes())], shapes, plan.options.max_concurrent)
        slots = max(1, min(slots, plan.trials * plan.space.repeats))
        servers = start_fork_servers(fork_server) if fork_server is not None and not local else []
        checked = None if local else check_nodes(plan, experiment, console.warning)
        run = _Run(search, experiment, slots, watch, interrupts, console=console)
        dispatcher = Dispatcher(search, shapes, NodeCapacities(autoscaler), plan.options.max_concurrent)
        interrupts.arm()
        context = context_of(plan, experiment.root, experiment.token, search.rule.rungs())
        context = dataclasses.replace(context, fork_server=fork_server.address if fork_server is not None else None)
        run.tune(dispatcher, context, checked)
        del servers  # They have been held until here.
        yield Outcome(run.end(), search.queue.fault, search)


def uncounted() -> AbstractContextManager[None]:
    """Let Tune not count who uses its callbacks: it would import MLflow and W&B where they are installed, for 1.4 s."""
    return replaced(usage, {"tag_callbacks": lambda callbacks: False})


def _shapes_of(plan: Plan) -> tuple[Shape, ...]:
    """All the shapes that trials of the search may have."""
    shapes = plan.space.shapes()
    if plan.options.oom_retry:
        alone = [whole for shape in shapes if (whole := shape.with_whole_gpu()) is not None]
        shapes = tuple(dict.fromkeys((*shapes, *alone)))
    return shapes


def _storage_error(error: BaseException | None) -> OSError | StorageLost | None:
    """The failure to write that an error stems from, if it does; Tune hides it behind its own errors."""
    while error is not None and not isinstance(error, (OSError, StorageLost)):
        error = error.__cause__ or error.__context__
    return error


class _Silent(tune.ProgressReporter):
    """Shows nothing: the live view does; in a notebook, Tune's own would clear the cell."""

    def should_report(self, trials: list[object], done: bool = False) -> bool:
        """Never."""
        return False

    def report(self, trials: list[object], done: bool, *more: object) -> None:
        """Nothing."""


class _Run:
    """One run of Tune, and what can end it."""

    def __init__(
        self,
        search: Search,
        experiment: Experiment,
        slots: int,
        watch: Watch,
        interrupts: Interrupts,
        *,
        console: Console,
    ) -> None:
        self._search, self._plan, self._experiment = search, search.plan, experiment
        self._slots, self._watch, self._interrupts = slots, watch, interrupts
        self._begun = time.monotonic()
        self._halt_at: float | None = None
        """When trials that have not ended by then are cut off; None while the search is not being closed."""
        self._over_budget = False
        self._sign: object = None
        """What tells nodes without the folder that the search is being closed, for as long as it is held."""
        lost = (
            f"the cluster has not answered for {STUCK_S:.0f} s; what has ended is stored. Go on with --resume, "
            "on another cluster if its head is lost."
        )
        self._watchdog = Watchdog(search.recorder.flush, lambda: console.error(lost))

    def tune(self, dispatcher: Dispatcher, context: SearchContext, checked: tuple[str, ...] | None) -> None:
        """Let Tune run until the queue has nothing more, or the search is closed; `checked` as for `Worker`."""
        scratch = tempfile.mkdtemp(prefix="search-tune-")
        tuner = tune.Tuner(
            Worker,
            tune_config=tune.TuneConfig(
                search_alg=WorkerSearcher(dispatcher, {"context": context, "checked": checked}),
                scheduler=WorkerScheduler(self._search.recorder, dispatcher, self._refuse),
                num_samples=-1,
                max_concurrent_trials=self._slots,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                progress_reporter=_Silent(),
                stop=SearchStopper(self._is_over),
                callbacks=[StepCallback(self._step), StepCallback(dispatcher.propose_ahead)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        environment = inherited_environment() if self._plan.options.is_local else nullcontext()
        try:
            with self._watchdog, tune_left_out(), uncounted(), environment:
                tuner.fit()
            self._search.recorder.close()
        except Exception as error:
            lost = _storage_error(error)
            if lost is None:
                raise
            raise (lost if isinstance(lost, SearchError) else self._experiment.lost(lost)) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            (self._experiment.root / CLOSING).unlink(missing_ok=True)

    def _refuse(self, started: WorkerStarted) -> str | None:
        """Why a node that joined later does not fit."""
        try:
            if started.view is not None:
                check_view(started.view, self._plan)
        except SearchError as error:
            return str(error)
        return None

    def _step(self) -> None:
        self._watchdog.turn()
        budget = self._plan.options.time_budget_s
        if budget is not None and not self._over_budget and time.monotonic() - self._begun > budget:
            self._over_budget = True
            self._close()
        if self._interrupts.count and self._halt_at is None:
            self._close()
        self._watch(self._search, self._slots)

    def _close(self) -> None:
        """No new trials; those that run save at the end of their epoch, and are cut off when the grace is over."""
        self._search.queue.close()
        self._halt_at = time.monotonic() + (GRACE_S if self._plan.options.is_local else CLUSTER_GRACE_S)
        (self._experiment.root / CLOSING).touch()
        if not self._plan.options.is_local:
            self._sign = raise_sign(self._experiment.token)

    def _is_over(self) -> bool:
        if self._halt_at is None:
            return False
        late = self._interrupts.count > 1 or time.monotonic() > self._halt_at
        if late:
            self._kill_local_processes()
        return late or not self._search.trials.running

    def _kill_local_processes(self) -> None:
        """End the training processes on this node at once; those elsewhere end with their workers."""
        here = ray.util.get_node_ip_address()
        workers = {trial.worker for trial in self._search.trials.running.values() if trial.worker is not None}
        for worker in workers:
            with suppress(OSError):
                if worker.node == here and is_training(worker.pid):
                    os.kill(worker.pid, signal.SIGKILL)

    def end(self) -> SearchEnd:
        """How it ended."""
        if self._interrupts.count:
            return SearchEnd.INTERRUPTED
        if self._over_budget:
            return SearchEnd.TIME_BUDGET
        if self._search.queue.fault:
            return SearchEnd.FAILED
        if self._search.queue.exhausted:
            return SearchEnd.EXHAUSTED
        ended_early = self._search.trials.configurations() < self._plan.trials
        if ended_early and self._search.queue.found_enough() is not None:
            return SearchEnd.ENOUGH
        return SearchEnd.EPOCH_BUDGET if ended_early and self._search.queue.is_out_of_epochs else SearchEnd.FINISHED
