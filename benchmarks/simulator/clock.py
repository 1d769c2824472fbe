"""Simulated time: workers that train trials epoch by epoch, and a search that says what they train."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from benchmarks.simulator.task import Task
from search.space import Config


@dataclass(frozen=True)
class Job:
    """What a worker is to do: train the trial after its first `after` epochs, up to and including epoch `until`."""

    trial_id: str
    config: Config
    seed: int
    """Seed of the noise: a trial that is continued under another id has the seed of the first."""
    after: int = 0
    until: int | None = None


Measure = Literal["epochs", "seconds"]


class Search(Protocol):
    """Anything that proposes configurations and ends trials: the product, or a peer."""

    def ask(self) -> Job | None:
        """Return what a free worker does next, or None if it must wait until something else has ended."""

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Take a report and return whether the trial ends here. It is not called for what has failed."""

    def end(self, trial_id: str, value: float | None) -> None:
        """End a trial that has done its job, with its best value, or None if it failed.

        It is not called for a trial that `report` ended.
        """


Make = Callable[[Task, int], Search]
"""Function of a task and a seed that makes a search."""


@dataclass(order=True)
class _Training:
    at: float
    order: int
    job: Job = field(compare=False)
    epoch: int = field(compare=False)
    reports: np.ndarray = field(compare=False)
    true: np.ndarray = field(compare=False)


@dataclass
class Found:
    """The best result that a search has after so many epochs, as regret x 100, and how its trials ended."""

    regret: list[float]
    started: int = 0
    complete: int = 0
    first_epoch_only: int = 0


def simulate(
    task: Task, search: Search, workers: int, budgets: Sequence[float], seed: int, *, per: Measure = "epochs"
) -> Found:
    """Run the search until the largest budget is spent; budgets are in whole trainings.

    By `epochs`, each report costs one. By `seconds`, what counts is the time for which all workers are held, in
    trainings of the median configuration. The result counted is the report with the best value so far, and its regret
    is that of its value without noise.
    """
    found, sign = Found([]), 1 if task.mode == "max" else -1
    limits = [math.ceil(budget * task.epochs) for budget in budgets]
    running: list[_Training] = []
    clock, best, in_hand = 0.0, -math.inf, task.scale[1]
    order = taken = 0
    while True:
        while len(running) < workers and (job := search.ask()) is not None:
            reports, true = task.training(job.config, seed * 100_003 + job.seed)
            order += 1
            found.started += job.after == 0
            # Because of a slight jitter no two workers stay in step for ever.
            at = clock + task.seconds(job.config) * (1 + 1e-3 * (order % 97) / 97)
            heapq.heappush(running, _Training(at, order, job, job.after, reports, true))
        if not running:
            found.regret += [task.regret(in_hand)] * (len(limits) - len(found.regret))
            break
        training = heapq.heappop(running)
        clock, training.epoch = training.at, training.epoch + 1
        job, epoch = training.job, training.epoch
        value, taken = training.reports[epoch - 1], taken + 1
        spent = taken if per == "epochs" else clock * workers / task.median_seconds
        passed = sum(limit < spent for limit in limits[len(found.regret) :])
        found.regret += [task.regret(in_hand)] * passed  # What is reported now comes too late for these.
        if len(found.regret) == len(limits):
            break
        if sign * value > best:
            best, in_hand = sign * value, sign * training.true[epoch - 1]
        last = epoch == (job.until or task.epochs)
        if np.isnan(value):
            search.end(job.trial_id, None)
        elif search.report(job.trial_id, epoch, float(value)):
            found.first_epoch_only += epoch == 1
        elif last:
            found.complete += epoch == task.epochs
            search.end(job.trial_id, sign * float(np.max(sign * training.reports[:epoch])))
        else:
            training.at += task.seconds(job.config)
            heapq.heappush(running, training)
    return found
