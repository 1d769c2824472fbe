"""How Tune is led where trials differ in what they ask for: it keeps the workers, and the crew gives them trials.

Tune reuses a worker for a trial of the same resources only if that trial waits at the moment when the worker becomes
free. So here a worker stays with Tune as one trial for as long as it lives, and is handed trials by a call of its own.
"""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.tuning.crew import Crew
from search.tuning.ledger import Ledger, Next
from search.tuning.messages import Report, TrialSpec
from search.tuning.places import Place
from search.tuning.scheduling import DriverOnly, Led, Refusal
from search.tuning.worker import Arrival


class Orders(Led):
    """Tune's view of the crew: a worker wherever there is room for one that is needed."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def suggest(self, trial_id: str) -> Any:
        """Another worker, with its first trial."""
        order = self._crew.hire()
        if order is None:
            return Searcher.FINISHED if self._crew.finished else None
        count, spec, shape = order
        return {"spec": spec, "count": count, "shape": shape}


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
        if found is Next.FINISHED:
            return str(TrialScheduler.STOP)
        if isinstance(found, TrialSpec):
            self._workers[count].take.remote(found)
        elif report is not None:
            self._workers[count].rest.remote()
        return str(TrialScheduler.CONTINUE)

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
