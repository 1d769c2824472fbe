"""How Tune is led: it keeps the workers, the crew gives them trials, the ledger takes what they report.

A worker is one trial of Tune's for as long as it lives, and is handed our trials by a call of its own. With a trial of
Tune's for each of ours it would make, match and end one for every trial, 8 ms of the driver's time (20 ms a trial
instead of 10, two slots), and keep a worker only where the next trial of the same resources already waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.cluster.worker import Arrival
from search.driver.dispatch import Crew
from search.driver.ledger import Ledger, Next
from search.driver.placement import Place
from search.trial.messages import Report, TrialSpec

Refusal = Callable[[Arrival], str | None]
"""Why the node of a worker does not fit, None where it does."""


class DriverOnly:
    """Holds what lives in the driver only: Tune pickles it with its experiment, and the copy holds nothing."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Orders(DriverOnly, Searcher):
    """Tune's view of the crew: a worker wherever there is room for one that is needed."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """The limit on what is pending is wanted, Tune's limiter around this searcher is not."""
        return True

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """The ledger knows them."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """Another worker, with its first trial."""
        order = self._crew.hire()
        if order is None:
            return Searcher.FINISHED if self._crew.finished else None
        count, spec, shape = order
        return {"spec": spec, "count": count, "shape": shape}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The scheduler tells the crew."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's journal is the durable state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class Shifts(DriverOnly, FIFOScheduler):
    """Hands reports to the ledger, and the next trial to a worker that is free."""

    def __init__(self, ledger: Ledger, crew: Crew, refuse: Refusal) -> None:
        super().__init__()
        self._ledger, self._crew, self._refuse = ledger, crew, refuse
        self._workers: dict[int, Any] = {}
        self._cards: dict[str, dict[str, int]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP ends the worker."""
        count, report = trial.config["count"], result["report"]
        if isinstance(result.get("arrival"), Arrival):
            self._admit(count, result["arrival"])
            return str(TrialScheduler.CONTINUE)
        if isinstance(report, Report) and not self._ledger.take(report) and report.end is None:
            return str(TrialScheduler.CONTINUE)
        found = self._crew.next_for(count)
        if isinstance(found, TrialSpec):
            self._workers[count].take.remote(found)
        elif found is Next.REST and report is not None:
            self._workers[count].rest.remote()
        self._ledger.settle()  # Behind the worker's next trial, which may have been in hand.
        return str(TrialScheduler.STOP if found is Next.FINISHED else TrialScheduler.CONTINUE)

    def _admit(self, count: int, arrival: Arrival) -> None:
        self._workers[count] = arrival.worker
        known = self._cards.setdefault(arrival.node_id, {})
        cards = tuple(known.setdefault(card, len(known)) for card in arrival.gpu_ids)
        self._crew.seat(count, Place(arrival.node_id, cards))
        reason = self._refuse(arrival)
        if reason is not None:
            arrival.worker.park.remote()
            trial_id = self._crew.members[count].trial_id
            self._crew.park(count)
            if trial_id is not None:
                self._ledger.give_back(trial_id, reason)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A worker has ended."""
        self._workers.pop(trial.config["count"], None)
        self._crew.leave(trial.config["count"])

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A worker was lost; all other faults are reports."""
        self._workers.pop(trial.config["count"], None)
        trial_id = self._crew.leave(trial.config["count"])
        if trial_id is not None:
            self._ledger.lose(trial_id)


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
