"""Syne Tune's schedulers: those of its present version, and those that its versions up to 0.14 had besides.

The latter (promotion, PASHA) need numpy 1 and are run in an environment of their own. Syne
Tune knows no conditions: it gives every setting a value, and those whose condition does not hold are ignored.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from syne_tune import config_space as domains
from syne_tune.backend.trial_status import Trial

from benchmarks.simulator.clock import Job, Make
from benchmarks.simulator.peers.flat import active
from benchmarks.simulator.task import Task
from search.space import Choice, Int, Parameter

FORMER = importlib.util.find_spec("syne_tune.optimizer.legacy_baselines") is not None


class SyneTune:
    """A scheduler, told as Syne Tune's own loop tells it; what it has paused goes on from there when it says so."""

    def __init__(self, task: Task, scheduler: Any) -> None:
        self._task, self._scheduler = task, scheduler
        self._trials: dict[str, Trial] = {}
        self._reached: dict[str, int] = {}

    def ask(self) -> Job | None:
        """Return a new trial, or one that was paused."""
        number = len(self._trials)
        suggestion = self._scheduler.suggest(number) if FORMER else self._scheduler.suggest()
        if suggestion is None:
            return None
        if suggestion.spawn_new_trial_id:
            trial = Trial(number, suggestion.config, datetime.now())
            self._trials[str(number)] = trial
            self._scheduler.on_trial_add(trial)
        else:
            trial = self._trials[str(suggestion.checkpoint_trial_id)]
        trial_id = str(trial.trial_id)
        config = active(self._task.space, trial.config)
        return Job(trial_id, config, trial.trial_id, self._reached.get(trial_id, 0))

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Return whether the trial is stopped or paused here."""
        trial, self._reached[trial_id] = self._trials[trial_id], epoch
        decision = self._scheduler.on_trial_result(trial, {"value": value, "epoch": epoch})
        if decision != "CONTINUE":
            self._scheduler.on_trial_remove(trial)
        return bool(decision != "CONTINUE" and epoch < self._task.epochs)

    def end(self, trial_id: str, value: float | None) -> None:
        """Tell a failed trial; of a complete one the scheduler has heard by its last report."""
        if value is None:
            self._scheduler.on_trial_error(self._trials[trial_id])


def _domain(parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return domains.choice(list(parameter.options))
    values = None if parameter.log else parameter.values()
    whole = isinstance(parameter, Int)
    if values is not None and parameter.step != 1:
        return domains.finrange(values[0], values[-1], len(values), cast_int=whole)
    if whole:
        return (domains.lograndint if parameter.log else domains.randint)(parameter.low, parameter.high)
    return (domains.loguniform if parameter.log else domains.uniform)(parameter.low, parameter.high)


def _make(scheduler: Callable[..., Any], **options: object) -> Make:
    def make(task: Task, seed: int) -> SyneTune:
        space = {name: _domain(parameter) for name, parameter in task.parameters.items()}
        np.random.seed(seed)  # Brackets are drawn from the global generator.
        return SyneTune(task, scheduler(space, metric="value", max_t=task.epochs, random_seed=seed,
                                        **_told(task), **options))  # fmt: skip

    return make


def _told(task: Task) -> dict[str, object]:
    if FORMER:
        return {"mode": task.mode, "resource_attr": "epoch", "search_options": {"debug_log": False}}
    return {"do_minimize": task.mode == "min", "time_attr": "epoch"}


_SCHEDULERS = importlib.import_module(f"syne_tune.optimizer.{'legacy_' if FORMER else ''}baselines")
SEARCHES: dict[str, Make] = (
    {
        "Syne Tune 0.14 ASHA, promotion": _make(_SCHEDULERS.ASHA, type="promotion"),
        "Syne Tune 0.14 PASHA": _make(_SCHEDULERS.PASHA),
    }
    if FORMER
    else {"Syne Tune ASHA": _make(_SCHEDULERS.ASHA), "Syne Tune BOHB": _make(_SCHEDULERS.BOHB)}
)
