"""Tune's searcher: it has a worker started wherever there is space for one that is needed.

A worker is one trial of Tune's for as long as it lives, and is handed our trials by a call of its own. With a trial of
Tune's for each of ours it would make, match and end one for every trial, 8 ms of the driver's time (20 ms a trial
instead of 10, two slots), and keep a worker only where the next trial of the same resources already waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from search.driver.workers.dispatch import Dispatcher


class DriverOnly:
    """Holds what lives in the driver only: Tune pickles it with its experiment, and the copy holds nothing."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class WorkerSearcher(DriverOnly, Searcher):
    """Suggests workers to Tune, each with its first trial."""

    def __init__(self, dispatcher: Dispatcher, shared: Mapping[str, Any]) -> None:
        """`shared` is what every worker is told."""
        super().__init__()
        self._dispatcher, self._shared = dispatcher, shared

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """True: Tune then limits what is pending, and puts no limiter of its own around this searcher."""
        return True

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """True: nothing has to be set, because the search knows its metric and mode."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The configuration of another worker: its number and its first trial."""
        order = self._dispatcher.order_worker()
        if order is None:
            return Searcher.FINISHED if self._dispatcher.finished else None
        number, spec = order
        return {**self._shared, "number": number, "spec": spec}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: the scheduler tells the dispatcher."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's journal is the durable state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, for the reason that `save` gives."""
