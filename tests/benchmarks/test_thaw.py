"""Freeze-thaw in simulated time: what a begun trial promises, and that it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulator.clock import Job, simulate
from benchmarks.simulator.task import Task
from benchmarks.simulator.variants.curve_model import NONE, CurveModel, promise
from benchmarks.simulator.variants.thaw import Thaw
from search.sampling.model.gaussian_process import Observations, Process
from search.space import Config, Float

RUNGS = (1, 3, 9, 27)


def late_riser(config: Config) -> np.ndarray:
    """What ends best begins worst: a rule that compares at the first rung stops it."""
    x, done = float(str(config["x"])), np.arange(1, 28) / 27
    return np.asarray(0.2 * (1 - x) + x * done)


TASK = Task("late riser", {"x": Float(0, 1)}, 27, late_riser)


def observed(*rows: tuple[float, float, int, float]) -> CurveModel:
    """A model that was told (setting, time, training, score)."""
    setting, time, training, score = (np.array(column) for column in zip(*rows, strict=True))
    seen = Observations(setting[:, None], np.array([0]), time, training, score)
    return CurveModel(Process(1), seen)


def test_a_model_that_expects_something_is_the_one_that_was_told_it() -> None:
    rows = (0.1, 0.0, 0, -1.0), (0.5, 0.0, 1, 0.2), (0.5, 0.3, 1, 0.6)
    model = observed(*rows)
    at = np.array([[0.5], [0.9]]), np.array([0.6, 0.3]), np.array([1, 2])
    expected, _, _ = model.predict(*at)
    told = observed(*rows, (0.5, 0.6, 1, expected[0]), (0.9, 0.3, 2, expected[1]))
    there = np.array([[0.5], [0.3]]), np.ones(2), np.array([1, NONE])
    for mine, other in zip(model.expecting(*at).predict(*there), told.predict(*there), strict=True):
        assert mine == pytest.approx(other, abs=1e-6)


def test_a_training_is_foreseen_by_its_own_curve_better_than_another_of_its_configuration() -> None:
    model = observed((0.5, 0.0, 0, 0.0), (0.5, 0.6, 0, 2.0), (0.1, 0.0, 1, 0.0))
    _, _, variance = model.predict(np.array([[0.5], [0.5]]), np.ones(2), np.array([0, NONE]))
    assert variance[0] < variance[1]


def test_what_has_fewer_epochs_to_go_promises_more_for_each() -> None:
    model = observed((0.5, 0.0, 0, 0.0), (0.5, 0.3, 0, 1.0))
    at = np.array([[0.5], [0.5]]), np.array([0, 0])
    early, late = promise(model, *at, np.array([3, 20]), best=1.0, rungs=RUNGS)
    assert late > early > 0


def test_what_can_be_given_up_at_a_rung_promises_more_than_what_must_be_led_to_its_end() -> None:
    model = observed((0.1, 0.0, 0, 0.0), (0.9, 0.0, 1, 1.0))
    new = np.array([[0.5]]), np.array([NONE]), np.array([0])
    assert promise(model, *new, best=2.0, rungs=RUNGS) > promise(model, *new, best=2.0, rungs=(27,))


class Watched(Thaw):
    """A search that notes what was handed out."""

    def __init__(self, *options: object) -> None:
        super().__init__(TASK, 1, *options)  # type: ignore[arg-type]  # a rule
        self.jobs: list[Job] = []

    def ask(self) -> Job | None:
        job = super().ask()
        self.jobs += [] if job is None else [job]
        return job


@pytest.mark.parametrize("options", [("asha",), ()])
def test_a_paused_trial_goes_on_where_it_was_and_the_search_is_repeatable(options: tuple[str, ...]) -> None:
    searches = [Watched(*options) for _ in range(2)]
    found = [simulate(TASK, search, 2, (4,), 1) for search in searches]
    assert found[0] == found[1]
    jobs, came_to = searches[0].jobs, dict[str, int]()
    assert any(job.after for job in jobs)
    for job in jobs:
        if job.after:
            assert job.after in RUNGS
            assert job.after > came_to[job.trial_id]
        came_to[job.trial_id] = job.after
