"""Which models and predictions stay on the disk: those of the best trials so far, in the end the best one's."""

from __future__ import annotations

from search.driver.trials import EndedTrial
from search.experiment.folder import Experiment
from search.experiment.states import TrialState
from search.goals import Goals, Values

BEST = "best.keras"


class KeptModels:
    """Keeps the models, predictions and class tables of the `keep` best trials while the search runs.

    With several objectives they are those that fewer than `keep` others dominate: for 1, the front.
    """

    def __init__(self, experiment: Experiment, keep: int, goals: Goals) -> None:
        self._experiment, self._keep, self._goals = experiment, keep, goals
        self._values: dict[str, Values] = {}

    def threshold(self) -> float | None:
        """The value that a trial must beat for its model to be worth writing; None while any will do."""
        if self._goals.objectives or len(self._values) < self._keep:
            return None
        return max(self._values.values(), key=self._goals.order)[0]

    def offer(self, ended: EndedTrial) -> None:
        """Take in a trial; what it pushes out of the best is removed. Only complete first runs count."""
        values = self._goals.values(ended.row) if self._goals.objectives else _alone(ended.value)
        if ended.state is not TrialState.COMPLETE or values is None or ended.repeat_of is not None:
            return
        if ended.violates:
            self._remove(ended.trial_id)
            return
        self._values[ended.trial_id] = values
        for out in self._pushed_out():
            del self._values[out]
            self._remove(out)

    def _pushed_out(self) -> list[str]:
        if not self._goals.objectives:
            return sorted(self._values, key=lambda t: (self._goals.order(self._values[t]), t))[self._keep :]
        others = self._values.values()
        dominators = {t: sum(self._goals.dominates(v, own) for v in others) for t, own in self._values.items()}
        return [trial_id for trial_id, count in dominators.items() if count >= self._keep]

    def _remove(self, trial_id: str) -> None:
        self._experiment.remove(self._experiment.models / f"{trial_id}.keras")
        for tables in (self._experiment.predictions, self._experiment.classes):
            self._experiment.remove(tables / f"{trial_id}.parquet")

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


def _alone(value: float | None) -> Values | None:
    return None if value is None else (value,)
