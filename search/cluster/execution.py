"""One search on Tune, from the checked plan to the stored results: start, run, interrupt, end."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ray import tune

from search.cluster.capacity import Rooms, addable, autoscaler_config
from search.cluster.capacity import nodes as alive_nodes
from search.cluster.closing import raise_sign
from search.cluster.connection import connected
from search.cluster.interrupts import Interrupts
from search.cluster.nodes import check_nodes, check_view
from search.cluster.scheduler import Clock, Halt, Orders, Shifts
from search.cluster.watchdog import STUCK_S, Watchdog
from search.cluster.worker import Arrival, Worker
from search.driver.dispatch import Crew
from search.driver.history import read_history
from search.driver.ledger import Ledger
from search.errors import SearchError, StorageLost
from search.experiment.folder import Experiment
from search.planning.plan import Plan
from search.planning.resources import slots as fitting_slots
from search.sampling import Sampling
from search.space.per_trial import Shape
from search.stopping import make_rule
from search.trial.messages import CLOSING, RunContext, TrialSpec

GRACE_S = 5.0
"""How long running trials have, after an interrupt, to reach the end of an epoch and save."""
CLUSTER_GRACE_S = 30.0
"""The same on a cluster, where a worker hears of it within a second and may send its checkpoint to a store."""


@dataclass(frozen=True)
class Outcome:
    """How a search ended."""

    end: str
    """`finished`, `exhausted`, `interrupted`, `time budget` or `failed`."""
    reason: str | None
    ledger: Ledger
    slots: int


Watch = Callable[[Ledger, int], None]
"""Called many times a second with the ledger and the number of slots."""


def execute(plan: Plan, experiment: Experiment, watch: Watch, warn: Callable[[str], None]) -> Outcome:
    """Run the search; raises SearchError where the cluster or the plan does not allow it."""
    space = plan.space
    rule = make_rule(space.stopping, space.mode, space.stopping_options, plan.max_epochs)
    sampling = Sampling(space, experiment.journal, sampler=space.sampler, seed=plan.seed)
    ledger = Ledger(plan, experiment, sampling, rule)
    ledger.restore(read_history(experiment, space, plan.retry_failed))
    (experiment.root / CLOSING).unlink(missing_ok=True)
    with Interrupts() as interrupts, connected(plan.address) as nodes:
        shapes = shapes_of(plan)
        autoscaler = autoscaler_config(shapes, plan.max_concurrent) if plan.address != "local" else {}
        slots = fitting_slots([*nodes, *addable(autoscaler, alive_nodes())], shapes, plan.max_concurrent)
        slots = max(1, min(slots, plan.trials * space.repeats))
        checked = check_nodes(plan, experiment, warn) if plan.address != "local" else None
        run = _Run(
            plan,
            experiment,
            ledger,
            slots,
            watch,
            interrupts=interrupts,
            shapes=shapes,
            rooms=Rooms(autoscaler),
            checked=checked,
        )
        interrupts.arm()
        run.tune(_context(plan, experiment, rule.rungs()))
    return Outcome(run.end(), run.reason(), ledger, slots)


def shape_of(plan: Plan, spec: TrialSpec) -> Shape:
    """Cores and GPUs of a trial; one that ran out of memory on a share of a GPU gets a whole one."""
    shape = plan.space.shape(spec.config)
    return Shape(shape.cpus, 1.0) if spec.alone and shape.gpus < 1 else shape


def shapes_of(plan: Plan) -> tuple[Shape, ...]:
    """All the shapes that trials of the search may have."""
    shapes = plan.space.shapes()
    if plan.oom_retry:
        alone = [Shape(shape.cpus, 1.0) for shape in shapes if 0 < shape.gpus < 1]
        shapes = tuple(dict.fromkeys((*shapes, *alone)))
    return shapes


def _context(plan: Plan, experiment: Experiment, rungs: tuple[int, ...] | None) -> RunContext:
    return RunContext(
        source=plan.source,
        import_path=tuple(str(Path(entry or ".").resolve()) for entry in sys.path if not entry.endswith(".zip")),
        experiment=str(experiment.root.resolve()),
        token=experiment.token,
        store=plan.store,
        metric=plan.space.metric,
        mode=plan.space.mode,
        split_seed=plan.seed,
        data_dir=str(plan.data_dir.resolve()) if plan.data_dir else None,
        rungs=rungs,
        trial_timeout_s=plan.trial_timeout_s,
    )


def _storage_error(error: BaseException | None) -> OSError | StorageLost | None:
    """The failure to write that an error stems from, if it does; Tune hides it behind its own errors."""
    while error is not None and not isinstance(error, (OSError, StorageLost)):
        error = error.__cause__ or error.__context__
    return error


class _Run:
    """The state of one run of Tune."""

    def __init__(
        self,
        plan: Plan,
        experiment: Experiment,
        ledger: Ledger,
        slots: int,
        watch: Watch,
        *,
        interrupts: Interrupts,
        shapes: tuple[Shape, ...],
        rooms: Rooms,
        checked: tuple[str, ...] | None,
    ) -> None:
        self._plan, self._experiment, self._ledger, self._slots, self._watch = plan, experiment, ledger, slots, watch
        self._interrupts, self._shapes, self._rooms, self._checked = interrupts, shapes, rooms, checked
        self._begun = time.monotonic()
        self._halt_at: float | None = None
        self._over_budget = False
        self._sign: object = None
        self._watchdog = Watchdog(
            ledger.flush,
            f"the cluster has not answered for {STUCK_S:.0f} s; what has ended is stored. Go on with --resume, "
            "on another cluster if its head is lost.",
        )

    def tune(self, context: RunContext) -> None:
        """Let Tune run until the ledger has nothing more, or the search is halted."""
        scratch = tempfile.mkdtemp(prefix="search-tune-")
        plan = self._plan
        crew = Crew(self._ledger, lambda spec: shape_of(plan, spec), self._shapes, self._rooms, plan.max_concurrent)
        trainable = tune.with_parameters(Worker, context=context, checked=self._checked)
        tuner = tune.Tuner(
            tune.with_resources(trainable, lambda config: {"cpu": config["shape"].cpus, "gpu": config["shape"].gpus}),
            tune_config=tune.TuneConfig(
                search_alg=Orders(crew),
                scheduler=Shifts(self._ledger, crew, self._refuse),
                num_samples=-1,
                max_concurrent_trials=self._slots,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                stop=Halt(self._halted),
                callbacks=[Clock(self._tick), Clock(crew.prepare)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        try:
            with self._watchdog:
                tuner.fit()
            self._ledger.close()
        except Exception as error:
            lost = _storage_error(error)
            if lost is None:
                raise
            raise (lost if isinstance(lost, SearchError) else self._experiment.lost(lost)) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            (self._experiment.root / CLOSING).unlink(missing_ok=True)

    def _refuse(self, arrival: Arrival) -> str | None:
        """Why a node that joined later does not fit."""
        try:
            if arrival.view is not None:
                check_view(arrival.view, self._plan)
        except SearchError as error:
            return str(error)
        return None

    def _tick(self) -> None:
        self._watchdog.turn()
        budget = self._plan.time_budget_s
        if budget is not None and not self._over_budget and time.monotonic() - self._begun > budget:
            self._over_budget = True
            self._close()
        if self._interrupts.count and self._halt_at is None:
            self._close()
        self._watch(self._ledger, self._slots)

    def _close(self) -> None:
        """No new trials; those that run save at the end of their epoch, and are ended when the grace is over."""
        self._ledger.closing = True
        self._halt_at = time.monotonic() + (GRACE_S if self._plan.address == "local" else CLUSTER_GRACE_S)
        (self._experiment.root / CLOSING).touch()
        if self._plan.address != "local":
            self._sign = raise_sign(self._experiment.token)

    def _halted(self) -> bool:
        if self._halt_at is None:
            return False
        late = self._interrupts.count > 1 or time.monotonic() > self._halt_at
        if late:
            self._kill_local_processes()
        return late or not self._ledger.live

    def _kill_local_processes(self) -> None:
        """End the training processes on this node at once; those elsewhere end with their workers."""
        host = {live.worker for live in self._ledger.live.values()}
        for worker in host:
            pid = worker.rpartition(":")[2]
            with suppress(OSError, ValueError):
                if b"search.trial.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)

    def end(self) -> str:
        """How it ended, in one of the words of `Outcome.end`."""
        if self._interrupts.count:
            return "interrupted"
        if self._over_budget:
            return "time budget"
        if self._ledger.fault:
            return "failed"
        return "exhausted" if self._ledger.exhausted else "finished"

    def reason(self) -> str | None:
        """One line on why, where there is something to say."""
        return self._ledger.fault
