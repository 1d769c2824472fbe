"""Tasks of the simulator whose trainings take place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from benchmarks.simulator.clock import simulate
from benchmarks.simulator.product import Product
from benchmarks.simulator.tables.trained import FAMILIES, Reports
from benchmarks.simulator.warm_start import earlier
from search.space import Config
from trainables.engines.runtime import configure
from trainables.trial import Trial

configure(cpus=1)

CONFIG: Config = {
    "network": "dense",
    "width": 0,
    "layers": 1,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "batch_size": 64,
    "dropout": 0.1,
}


def test_reports_are_trained_no_further_than_asked_and_missing_once_training_has_failed() -> None:
    trained = list[int]()

    def epochs() -> Iterator[float]:
        for epoch in range(3):
            trained.append(epoch)
            yield epoch / 10

    reports = Reports(epochs())
    assert (reports[1], trained) == (0.1, [0, 1])
    assert (reports[0], trained) == (0.0, [0, 1])
    np.testing.assert_array_equal(reports[:4], [0.0, 0.1, 0.2, np.nan])


def test_a_configuration_reports_what_a_trial_of_its_space_does_with_the_seed_of_the_trial() -> None:
    task = FAMILIES["digits"](0)
    reports, _ = task.training(CONFIG, seed=3)
    trial = Trial(seed=3, asked={"dataset": "digits", "metric": "val_accuracy", "mode": "max"})
    space = task.trained  # type: ignore[attr-defined]  # of a task that trains
    alone = space.trainable({**trial.asked, **space.fixed, **CONFIG}, trial)
    assert [reports[0], reports[1]] == [epoch["val_accuracy"] for epoch in itertools.islice(alone, 2)]
    other, _ = task.training(CONFIG, seed=4)
    assert other[0] != reports[0]


def test_a_search_is_measured_by_what_it_trained() -> None:
    task = FAMILIES["digits"](0)
    found = simulate(task, Product(task, 0, "random", "asha"), 2, (0.2, 0.4), 0)
    assert found.started >= 2
    assert -20 < found.regret[1] <= found.regret[0]


def test_a_search_that_knows_others_proposes_something_else_and_counts_none_of_them() -> None:
    task = FAMILIES["fashion"](0)
    with_known, alone = (Product(task, 0, "mfgp", "asha", known=known) for known in (earlier(20), ()))
    first, other = with_known.ask(), alone.ask()
    assert first is not None
    assert other is not None
    assert first.trial_id == other.trial_id == "00000"
    assert first.config != other.config
    assert len(earlier(20)) == 20
