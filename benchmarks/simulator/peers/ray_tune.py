"""Ray Tune's ASHA with its OptunaSearch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from optuna.samplers import TPESampler
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.simulator.clock import Job, Make
from benchmarks.simulator.task import Task
from search.sampling.translation import translate


class RayTune:
    """ASHA's decisions and OptunaSearch's proposals, told as Tune's loop tells them."""

    def __init__(self, task: Task, seed: int) -> None:
        translation = translate(task.space)
        self._asha = ASHAScheduler(time_attr="training_iteration", metric="value", mode=task.mode, max_t=task.epochs)
        self._search = OptunaSearch(space=lambda trial: _suggest(translation, trial), metric="value", mode=task.mode,
                                    sampler=TPESampler(seed=seed))  # fmt: skip
        self._trials: dict[str, Any] = {}
        np.random.seed(seed)  # ASHA draws brackets from the global generator.

    def ask(self) -> Job | None:
        """Return the next trial."""
        trial_id = str(len(self._trials))
        config = self._search.suggest(trial_id)
        assert isinstance(config, dict)
        self._trials[trial_id] = SimpleNamespace(trial_id=trial_id, last_result={})
        self._asha.on_trial_add(None, self._trials[trial_id])
        return Job(trial_id, config, len(self._trials))

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Return ASHA's decision; Tune tells a stopped trial to the searcher as complete."""
        trial = self._trials[trial_id]
        result = trial.last_result = {"training_iteration": epoch, "value": value}
        self._search.on_trial_result(trial_id, result)
        if self._asha.on_trial_result(None, trial, result) != ASHAScheduler.STOP or epoch == _max_t(self._asha):
            return False
        self._asha.on_trial_complete(None, trial, result)
        self._search.on_trial_complete(trial_id, result)
        return True

    def end(self, trial_id: str, value: float | None) -> None:
        """Tell a complete trial, or a failed one."""
        trial = self._trials[trial_id]
        if value is None:
            self._asha.on_trial_error(None, trial)
            self._search.on_trial_complete(trial_id, None, error=True)
        else:
            self._asha.on_trial_complete(None, trial, trial.last_result)
            self._search.on_trial_complete(trial_id, trial.last_result)


def _suggest(translation: Any, trial: Any) -> None:
    translation.draw(trial)


def _max_t(asha: ASHAScheduler) -> int:
    return int(asha._max_t)


SEARCHES: dict[str, Make] = {"Ray ASHA + OptunaSearch": RayTune}
