"""How Tune is led: which trial a free worker gets, what becomes of a report, when all is over.

Tune itself would give a freed worker to the oldest pending trial, whose own worker is already starting, and kill that
one. Here a new trial is proposed only when a slot is free, and the newest pending one is handed out once, so that
exactly one worker is started for each slot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.tuning.ledger import Ledger, Next
from search.tuning.messages import Report
from search.tuning.worker import Arrival

Resting = dict[int, int]
"""Workers without a trial, by the count of what they were handed: trials that had ended when they began to rest."""

Refusal = Callable[[Arrival], str | None]
"""Why the node of a worker does not fit, None where it does."""


class DriverOnly:
    """Holds what lives in the driver only: Tune pickles it with its experiment, and the copy holds nothing."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Led(DriverOnly, Searcher):
    """A searcher whose state is kept elsewhere: the ledger knows what is proposed, the scheduler tells it what ends."""

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """The limit on what is pending is wanted, Tune's limiter around this searcher is not."""
        return True

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """The ledger knows them."""
        return True

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The scheduler tells it."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's journal is the durable state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class Proposals(Led):
    """Tune's view of the ledger: a trial for every free slot, until there is no more."""

    def __init__(self, ledger: Ledger, slots: int, resting: Resting) -> None:
        super().__init__()
        self._ledger, self._slots, self._resting = ledger, slots, resting
        self._finished = False
        self._count = 0

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None while all slots are taken or the running trials decide what comes."""
        if self._finished:
            return Searcher.FINISHED
        if len(self._ledger.live) + len(self._resting) >= self._slots:
            return None
        found = self._ledger.next()
        if found is Next.FINISHED:
            self._finished = True
            return Searcher.FINISHED
        if found is Next.WAIT:
            return None
        self._count += 1
        if found is Next.REST:
            self._resting[self._count] = len(self._ledger.ended)
            return {"spec": None, "count": self._count}
        return {"spec": found, "count": self._count}


class Slots(DriverOnly, FIFOScheduler):
    """Hands reports to the ledger, and free workers to the newest trial that has none."""

    def __init__(self, ledger: Ledger, resting: Resting, refuse: Refusal) -> None:
        super().__init__()
        self._ledger, self._resting, self._refuse = ledger, resting, refuse
        self._handed: set[str] = set()
        self._over: list[Any] = []
        """Trials of Tune that have ended since it last asked for one."""
        self._parked: set[int] = set()
        """Counts of the workers that keep a node which does not fit from being given to others."""

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The newest pending trial, each only once."""
        self._over = [trial for trial in self._over if not _is_stripped(trial)]
        pending = [
            t for t in tune_controller.get_live_trials() if t.status == "PENDING" and t.trial_id not in self._handed
        ]
        if not pending:
            return None
        newest = max(pending, key=lambda trial: trial.config["count"])
        self._handed.add(newest.trial_id)
        return newest

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP when the stopping rule says so."""
        report: Report | None = result["report"]
        if isinstance(result.get("arrival"), Arrival):
            return self._admit(trial, result["arrival"])
        if report is None:
            return self._rest(trial.config["count"])
        return str(TrialScheduler.STOP if self._ledger.take(report) else TrialScheduler.CONTINUE)

    def _admit(self, trial: Any, arrival: Arrival) -> str:
        """Let a worker begin, or park it where its node does not fit: its trial is begun elsewhere."""
        reason, count = self._refuse(arrival), trial.config["count"]
        if reason is not None:
            arrival.worker.park.remote()
            self._parked.add(count)
            if self._resting.pop(count, None) is None:
                self._ledger.give_back(trial.config["spec"].trial_id, reason)
        return str(TrialScheduler.CONTINUE)

    def _rest(self, count: int) -> str:
        """A worker rests until another trial has ended, or the search is being closed."""
        if count in self._parked:
            return str(TrialScheduler.CONTINUE if self._ledger.under_way else TrialScheduler.STOP)
        if len(self._ledger.ended) == self._resting[count] and not self._ledger.closing:
            return str(TrialScheduler.CONTINUE)
        del self._resting[count]
        return str(TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The last report of a trial that ended by itself."""
        self._handed.discard(trial.trial_id)
        self._over.append(trial)
        report: Report | None = (result or {}).get("report")
        if report is not None and report.end is not None:
            self._ledger.take(report)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """The worker was lost; all other faults are reports."""
        self._handed.discard(trial.trial_id)
        self._over.append(trial)
        if trial.config["count"] not in self._parked and self._resting.pop(trial.config["count"], None) is None:
            self._ledger.lose(trial.config["spec"].trial_id)


def _is_stripped(trial: Any) -> bool:
    """Drop what Tune keeps of the metrics of a trial that is over, 16 KB each; False: it is not through with it yet."""
    if trial.is_finished():
        trial.run_metadata.metric_analysis, trial.run_metadata.metric_n_steps = {}, {}
        trial.run_metadata.last_result = {"done": True}  # Not empty: Tune would ask the actor for one.
    return bool(trial.is_finished())


class Clock(DriverOnly, Callback):
    """Calls back while the search runs: at least ten times a second, also when nothing happens."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """One turn of Tune's loop."""
        self._tick()


class Halt(DriverOnly, Stopper):
    """Ends all trials when `halted` says so."""

    def __init__(self, halted: Callable[[], bool]) -> None:
        self._halted = halted

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is ended here."""
        return False

    def stop_all(self) -> bool:
        """Whether to end everything."""
        return self._halted()
