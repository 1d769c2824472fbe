"""Which models and predictions stay on the disk: those of the best trials so far, in the end the best one's."""

from __future__ import annotations

from search.driver.trials import EndedTrial
from search.experiment.folder import Experiment
from search.experiment.states import TrialState

BEST = "best.keras"


class KeptModels:
    """Keeps the models, predictions and class tables of the `keep` best trials while the search runs."""

    def __init__(self, experiment: Experiment, keep: int, mode: str) -> None:
        self._experiment, self._keep = experiment, keep
        self._sign = 1 if mode == "max" else -1
        self._values: dict[str, float] = {}

    def threshold(self) -> float | None:
        """The value that a trial must beat for its model to be worth writing; None while any will do."""
        if len(self._values) < self._keep:
            return None
        return self._sign * min(self._sign * value for value in self._values.values())

    def offer(self, ended: EndedTrial) -> None:
        """Take in a trial; what it pushes out of the best is removed. Only complete first runs count."""
        if ended.state is not TrialState.COMPLETE or ended.value is None or ended.repeat_of is not None:
            return
        self._values[ended.trial_id] = ended.value
        ranked = sorted(self._values, key=lambda t: (-self._sign * self._values[t], t))
        for out in ranked[self._keep :]:
            del self._values[out]
            self._experiment.remove(self._experiment.models / f"{out}.keras")
            for tables in (self._experiment.predictions, self._experiment.classes):
                self._experiment.remove(tables / f"{out}.parquet")

    def name_best(self, best: EndedTrial | None) -> str | None:
        """At the end, give the best trial's model a fixed name; its path within the experiment, None without one."""
        if best is None:
            return None
        model, target = self._experiment.models / f"{best.trial_id}.keras", self._experiment.models / BEST
        try:
            found = self._experiment.fetch(model)
        except OSError:
            return None  # The model is in a store that does not answer.
        if found:
            target.unlink(missing_ok=True)
            target.hardlink_to(model)
        else:
            self._experiment.remove(target)  # It is that of a trial that is no longer the best.
        return f"models/{BEST}" if target.exists() else None
