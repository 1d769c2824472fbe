"""KerasTuner's oracles."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle

from benchmarks.simulator.clock import Job, Make
from benchmarks.simulator.peers.flat import active
from benchmarks.simulator.task import Task
from search.space import Choice, Float


class KerasTuner:
    """An oracle of KerasTuner; the later rounds of Hyperband's continue from the epochs of the earlier ones."""

    def __init__(self, task: Task, oracle: Callable[..., Any], seed: int, **options: object) -> None:
        self._task, self._seeds = task, dict[str, int]()
        self._oracle = oracle(
            keras_tuner.Objective("value", task.mode),
            seed=seed,
            hyperparameters=_hyperparameters(task),
            max_consecutive_failed_trials=10**6,
            **options,
        )
        self._oracle.verbose = False
        self._oracle._display.verbose = 0
        folder = tempfile.mkdtemp(prefix="keras-tuner-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._oracle._set_project_dir(folder, "search")
        self._trials: dict[str, Any] = {}

    def ask(self) -> Job | None:
        """Return a new trial, or the continuation of an earlier one."""
        trial = self._oracle.create_trial("tuner")
        if trial.status != "RUNNING":
            return None
        values = trial.hyperparameters.values
        self._trials[trial.trial_id] = trial
        seed = self._seeds[trial.trial_id] = self._seeds.get(values.get("tuner/trial_id"), len(self._seeds))
        config = active(self._task.space, values)
        return Job(trial.trial_id, config, seed, values.get("tuner/initial_epoch", 0), values.get("tuner/epochs"))

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Return that the trial goes on, because nothing is stopped inside a round."""
        self._oracle.update_trial(trial_id, {"value": value}, step=epoch)
        return False

    def end(self, trial_id: str, value: float | None) -> None:
        """Tell the end of a round."""
        trial = self._trials[trial_id]
        trial.status = "COMPLETED" if value is not None and math.isfinite(value) else "FAILED"
        self._oracle.end_trial(trial)


def _hyperparameters(task: Task) -> keras_tuner.HyperParameters:
    found = keras_tuner.HyperParameters()
    for name, parameter in task.space.parameters.items():
        scopes = [found.conditional_scope(parent, list(values)) for parent, values in parameter.when.items()]
        for scope in scopes:
            scope.__enter__()
        sampling = "log" if not isinstance(parameter, Choice) and parameter.log else "linear"
        if isinstance(parameter, Choice):
            found.Choice(name, list(parameter.options))
        elif isinstance(parameter, Float):
            found.Float(name, parameter.low, parameter.high, step=parameter.step, sampling=sampling)
        else:
            step = None if parameter.log else parameter.step
            found.Int(name, parameter.low, parameter.high, step=step, sampling=sampling)
        for scope in reversed(scopes):
            scope.__exit__(None, None, None)
    return found


SEARCHES: dict[str, Make] = {
    "KerasTuner Hyperband": lambda task, seed: KerasTuner(
        task, HyperbandOracle, seed, max_epochs=task.epochs, hyperband_iterations=100
    ),
    "KerasTuner Bayesian": lambda task, seed: KerasTuner(task, BayesianOptimizationOracle, seed, max_trials=10**6),
}
