"""Which models and predictions stay on the disk: those of the best trials so far, in the end the best one's."""

from __future__ import annotations

from search.driver.records import Ended
from search.experiment.folder import Experiment

BEST = "best.keras"


class KeptModels:
    """Keeps the models of the `keep` best trials while the search runs."""

    def __init__(self, experiment: Experiment, keep: int, mode: str) -> None:
        self._experiment, self._keep = experiment, keep
        self._sign = 1 if mode == "max" else -1
        self._values: dict[str, float] = {}

    def threshold(self) -> float | None:
        """The value that a trial must beat for its model to be worth writing; None while any will do."""
        if len(self._values) < self._keep:
            return None
        return self._sign * min(self._sign * value for value in self._values.values())

    def offer(self, trial_id: str, value: float) -> None:
        """Take in a complete trial; what it pushes out of the best is removed."""
        self._values[trial_id] = value
        ranked = sorted(self._values, key=lambda t: (-self._sign * self._values[t], t))
        for out in ranked[self._keep :]:
            del self._values[out]
            self._experiment.remove(self._experiment.models / f"{out}.keras")
            for tables in (self._experiment.predictions, self._experiment.classes):
                self._experiment.remove(tables / f"{out}.parquet")

    def settle(self, best: Ended | None) -> str | None:
        """At the end: the best trial's model under a fixed name; its path within the experiment, if there is one."""
        if best is None:
            return None
        model, target = self._experiment.models / f"{best.trial_id}.keras", self._experiment.models / BEST
        try:
            found = self._experiment.fetch(model)
        except OSError:
            return None  # It is in a store that does not answer.
        if found:
            target.unlink(missing_ok=True)
            target.hardlink_to(model)
        else:
            self._experiment.remove(target)  # Of a trial that is the best no more.
        return f"models/{BEST}" if target.exists() else None
