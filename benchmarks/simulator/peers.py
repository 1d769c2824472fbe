"""Peers in simulated time: Optuna, Ray Tune and KerasTuner, each with its own classes and its documented settings."""

from __future__ import annotations

import importlib.util
import math
import shutil
import tempfile
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras_tuner
import numpy as np
import optuna
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.simulator.clock import Job, Search
from benchmarks.simulator.task import Task
from search.sampling.translation import translate
from search.space import Choice, Config, Float, Parameter


class Optuna:
    """A study with a sampler and a pruner, by ask and tell."""

    def __init__(self, task: Task, sampler: BaseSampler, pruner: BasePruner) -> None:
        self._study = optuna.create_study(
            sampler=sampler, pruner=pruner, direction="maximize" if task.mode == "max" else "minimize"
        )
        self._translation = translate(task.space)
        self._trials: dict[str, optuna.Trial] = {}

    def ask(self) -> Job | None:
        """Return the next trial."""
        trial = self._study.ask()
        config = self._translation.draw(trial)
        self._trials[str(trial.number)] = trial
        return Job(str(trial.number), config, trial.number)

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Report, and return whether the pruner prunes the trial."""
        trial = self._trials[trial_id]
        trial.report(value, epoch)
        if not trial.should_prune():
            return False
        self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return True

    def end(self, trial_id: str, value: float | None) -> None:
        """Tell a complete trial, or a failed one."""
        if value is None:
            self._study.tell(self._trials[trial_id], state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(self._trials[trial_id], value)


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
        config: Config = {}
        for name in self._task.space.parameters:
            if self._task.space.is_active(name, config):
                config[name] = _as_declared(self._task.space.parameters[name], values[name])
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


def _as_declared(parameter: Parameter, value: object) -> object:
    """Return the value as declared, since KerasTuner has 1 for True."""
    return next(o for o in parameter.options if o == value) if isinstance(parameter, Choice) else value


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


PEERS: dict[str, Callable[[Task, int], Search]] = {
    "Optuna TPE + median": lambda task, seed: Optuna(task, TPESampler(seed=seed), MedianPruner()),
    "Optuna TPE + halving": lambda task, seed: Optuna(task, TPESampler(seed=seed), SuccessiveHalvingPruner()),
    "Optuna TPE + Hyperband": lambda task, seed: Optuna(
        task, TPESampler(seed=seed), HyperbandPruner(max_resource=task.epochs, reduction_factor=3)
    ),
    "Ray ASHA + OptunaSearch": RayTune,
    "KerasTuner Hyperband": lambda task, seed: KerasTuner(
        task, HyperbandOracle, seed, max_epochs=task.epochs, hyperband_iterations=100
    ),
    "KerasTuner Bayesian": lambda task, seed: KerasTuner(task, BayesianOptimizationOracle, seed, max_trials=10**6),
}
if importlib.util.find_spec("torch"):
    PEERS["Optuna GP + median"] = lambda task, seed: Optuna(task, GPSampler(seed=seed), MedianPruner())
