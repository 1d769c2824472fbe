"""Tune's scheduler: it hands reports to the recorder, and the next trial to a worker that is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.cluster.searcher import DriverOnly
from search.cluster.worker import WorkerStarted
from search.driver.recorder import Recorder
from search.driver.trial_queue import NoTrial
from search.driver.workers.dispatch import Dispatcher
from search.driver.workers.placement import Location
from search.trial.messages import Report, TrialSpec

Refusal = Callable[[WorkerStarted], str | None]
"""Why the node of a worker does not fit, None where it does."""


class WorkerScheduler(DriverOnly, FIFOScheduler):
    """Leads the workers by what they report."""

    def __init__(self, recorder: Recorder, dispatcher: Dispatcher, refuse: Refusal) -> None:
        super().__init__()
        self._recorder, self._dispatcher, self._refuse = recorder, dispatcher, refuse
        self._actors: dict[int, Any] = {}
        self._gpus: dict[str, dict[str, int]] = {}
        """Node id -> Ray's id of a GPU there -> its number."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """CONTINUE for a worker that has a trial or waits for one; STOP ends it."""
        number, report = trial.config["number"], result["report"]
        if isinstance(result.get("started"), WorkerStarted):
            self._admit(number, result["started"])
            return str(TrialScheduler.CONTINUE)
        if isinstance(report, Report) and report.gives_back:
            self._dispatcher.take_back(number)
        if isinstance(report, Report) and report.end is not None and report.end.other_content:
            self._keep_place(number)
            reason = f"node {report.node}: {report.end.error}"
            self._recorder.refuse_node(report.trial_id, reason, none_left=self._dispatcher.is_stuck())
            return str(TrialScheduler.CONTINUE)
        if isinstance(report, Report) and not self._recorder.take(report) and report.end is None:
            return str(TrialScheduler.CONTINUE)
        found = self._dispatcher.next_trial(number)
        if isinstance(found, TrialSpec):
            self._actors[number].take.remote(found)
        elif found is NoTrial.HOLDS_ONE and report.end is None:
            self._actors[number].go_on_to_held.remote()
        elif found is NoTrial.KEEP_WORKER and report is not None:
            self._actors[number].wait.remote()
        if (following := self._dispatcher.to_hold(number)) is not None:
            self._actors[number].hold.remote(following)
        self._recorder.flush_ended()  # After the worker has its next trials, which need not wait for the disk.
        ends = found in (NoTrial.END_WORKER, NoTrial.SEARCH_OVER)
        return str(TrialScheduler.STOP if ends else TrialScheduler.CONTINUE)

    def _admit(self, number: int, started: WorkerStarted) -> None:
        self._actors[number] = started.actor
        known = self._gpus.setdefault(started.node_id, {})
        gpus = tuple(known.setdefault(gpu, len(known)) for gpu in started.gpu_ids)
        self._dispatcher.start(number, Location(started.node_id, gpus))
        reason = self._refuse(started)
        if reason is not None:
            trial_id = self._keep_place(number)
            if trial_id is not None:
                self._recorder.refuse_node(trial_id, reason)

    def _keep_place(self, number: int) -> str | None:
        """Let a worker on a node that does not fit keep its place without a trial; the id of the trial that it had."""
        self._actors[number].reserve_place.remote()
        return self._dispatcher.reserve_place(number)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A worker has ended."""
        self._remove(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A worker was lost; all other faults are reports."""
        trial_id = self._remove(trial)
        if trial_id is not None:
            self._recorder.lose_worker(trial_id)

    def _remove(self, trial: Any) -> str | None:
        """The trial that the worker had."""
        self._actors.pop(trial.config["number"], None)
        return self._dispatcher.remove(trial.config["number"])


class StepCallback(DriverOnly, Callback):
    """Calls back while the search runs: at least ten times a second, also when nothing happens."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """One turn of Tune's loop."""
        self._call()


class SearchStopper(DriverOnly, Stopper):
    """Ends all workers when `is_over` says so."""

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single worker is ended here."""
        return False

    def stop_all(self) -> bool:
        """Whether to end everything."""
        return self._is_over()
