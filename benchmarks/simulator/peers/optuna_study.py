"""Optuna's samplers and pruners."""

from __future__ import annotations

import importlib.util

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler

from benchmarks.simulator.clock import Job, Make
from benchmarks.simulator.task import Task
from search.sampling.translation import translate


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


SEARCHES: dict[str, Make] = {
    "Optuna TPE + median": lambda task, seed: Optuna(task, TPESampler(seed=seed), MedianPruner()),
    "Optuna TPE + halving": lambda task, seed: Optuna(task, TPESampler(seed=seed), SuccessiveHalvingPruner()),
    "Optuna TPE + Hyperband": lambda task, seed: Optuna(
        task, TPESampler(seed=seed), HyperbandPruner(max_resource=task.epochs, reduction_factor=3)
    ),
}
if importlib.util.find_spec("torch"):
    SEARCHES["Optuna GP + median"] = lambda task, seed: Optuna(task, GPSampler(seed=seed), MedianPruner())
