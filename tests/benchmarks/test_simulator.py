"""Searches in simulated time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulator import compare, costly, design, report
from benchmarks.simulator.clock import Job, simulate
from benchmarks.simulator.peers.flat import active
from benchmarks.simulator.product import Product
from benchmarks.simulator.task import Task, random_config
from search.space import Choice, Config, Float, Int, Parameter
from search.stopping import PROPOSED_BY_MODEL, expect

BUDGETS = (1, 2, 4)


def rising(config: Config) -> np.ndarray:
    return np.asarray(float(str(config["x"])) * np.arange(1, 5) / 4)


TASK = Task("rising", {"x": Float(0, 1)}, epochs=4, curve=rising)


class OneAfterAnother:
    """Proposes given values, continues each where it was left after two epochs, and notes what it is told."""

    def __init__(self, values: list[float]) -> None:
        self.left = [Job(str(i), {"x": value}, i, 0, 2) for i, value in enumerate(values)]
        self.told: list[tuple[str, int]] = []

    def ask(self) -> Job | None:
        return self.left.pop(0) if self.left else None

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        self.told.append((trial_id, epoch))
        return False

    def end(self, trial_id: str, value: float | None) -> None:
        if len(self.told) < 6:
            self.left.append(Job(f"{trial_id} again", {"x": 1.0}, 0, 2, 4))


def test_of_what_the_default_proposes_about_half_goes_on_at_a_rung() -> None:
    task = design.steady(0)
    search = Product(task, 0, "mfgp", "asha")
    found = simulate(task, search, 4, (10,), 0)
    expected = expect((1, 3, 9), PROPOSED_BY_MODEL, task.epochs, found.started, None).epochs
    assert 10 * task.epochs == pytest.approx(expected, rel=0.4)


def test_a_continued_trial_costs_only_its_further_epochs() -> None:
    search = OneAfterAnother([0.2, 1.0])
    found = simulate(TASK, search, 1, BUDGETS, 0)
    assert search.told[4:] == [("0 again", 3), ("0 again", 4), ("1 again", 3), ("1 again", 4)]
    assert (found.started, found.complete) == (2, 2)


def test_workers_train_at_once_and_epochs_are_counted_over_all() -> None:
    search = OneAfterAnother([0.2, 0.4, 0.6])
    simulate(TASK, search, 3, (1,), 0)
    assert [epoch for _, epoch in search.told[:3]] == [1, 1, 1]


def test_regret_is_that_of_the_value_in_hand_without_its_noise() -> None:
    noisy = Task("noisy", TASK.parameters, 4, rising, noise=0.05)
    found = simulate(noisy, OneAfterAnother([0.9]), 1, (0.5,), 0)
    assert found.regret == [pytest.approx(noisy.regret(0.45))]
    assert noisy.regret(noisy.scale[0]) == 0
    assert noisy.regret(noisy.scale[1]) == 100


class AtOnce:
    """Proposes given values, each to be trained to its end."""

    def __init__(self, values: list[float]) -> None:
        self.left = [Job(str(i), {"x": value}, i) for i, value in enumerate(values)]

    def ask(self) -> Job | None:
        return self.left.pop(0) if self.left else None

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        return False

    def end(self, trial_id: str, value: float | None) -> None:
        pass


def test_seconds_are_those_of_all_workers_and_what_comes_later_does_not_count() -> None:
    slow = Task("slow", TASK.parameters, 4, rising, seconds=lambda config: 10.0 if config["x"] == 1.0 else 1.0)
    by_epochs, by_seconds = (
        simulate(slow, AtOnce([0.5, 1.0]), 2, (1.25,), 0, per=per) for per in ("epochs", "seconds")
    )
    # Five epochs are four of the first and one of the second; in five seconds of two workers the first has trained two.
    assert by_epochs.regret == [pytest.approx(slow.regret(0.5))]
    assert by_seconds.regret == [pytest.approx(slow.regret(0.25))]


def test_what_an_epoch_takes_differs_within_each_costly_family() -> None:
    rng = np.random.default_rng(0)
    for make in {**costly.DESIGN, **costly.REPORT}.values():
        task = make(0)
        seconds = [task.seconds(random_config(task.space, rng)) for _ in range(50)]
        assert max(seconds) > 5 * min(seconds), task.name
        assert min(seconds) < task.median_seconds < max(seconds)


@pytest.mark.parametrize("families", [design.FAMILIES, report.FAMILIES])
def test_every_family_gives_curves_of_its_length_and_most_of_them_end(families: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    for make in families.values():
        task: Task = make(0)  # type: ignore[operator]  # a family
        configs = [random_config(task.space, rng) for _ in range(20)]
        assert {len(task.curve(config)) for config in configs} == {task.epochs}
        assert sum(math.isfinite(task.best_of(config)) for config in configs) > 5, task.name


def test_no_family_is_in_both_groups() -> None:
    assert not set(design.FAMILIES) & set(report.FAMILIES)


def test_the_product_stops_what_its_rule_stops_and_is_repeatable() -> None:
    found = [simulate(TASK, Product(TASK, 1, "mfgp", "asha"), 2, (5,), 1) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].complete < found[0].started


def test_a_store_is_continued_and_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compare.FAMILIES, "design", {"rising": lambda instance: TASK})
    monkeypatch.setattr(compare, "searches", lambda: {"random + asha": compare._product("random", "asha")})
    store = tmp_path / "runs"
    compare.Comparison("design", 1, 2, 1, []).run(store)
    compare.Comparison("design", 1, 2, 2, []).run(store)
    assert [run["seed"] for run in compare.read(store)] == [0, 1]
    assert "| design | 2 | epochs | random + asha |" in compare.table(store)


def test_a_peer_that_knows_no_conditions_gives_only_what_is_active_and_of_its_type() -> None:
    parameters: dict[str, Parameter] = {
        "deep": Choice(False, True),
        "layers": Int(1, 3, when={"deep": True}),
        "dropout": Float(0.0, 0.8, step=0.1),
    }
    space = Task("conditional", parameters, epochs=4, curve=rising).space
    values = {"deep": 1, "layers": np.int64(2), "dropout": np.float64(0.1) * 3}
    found = active(space, values)
    assert found == {"deep": True, "layers": 2, "dropout": 0.3}
    assert [type(value) for value in found.values()] == [bool, int, float]
    assert active(space, values | {"deep": 0}) == {"deep": False, "dropout": 0.3}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # KerasTuner uses old names of `threading`.
def test_every_peer_searches_a_space_with_a_condition() -> None:
    from benchmarks.simulator.peers.installed import peers

    parameters: dict[str, Parameter] = {
        "deep": Choice(False, True),
        "layers": Int(1, 3, when={"deep": True}),
        "rate": Float(1e-4, 1.0, log=True),
    }

    def curve(config: Config) -> np.ndarray:
        assert ("layers" in config) == config["deep"]
        return np.asarray(float(str(config["rate"])) * np.arange(1, 5) / 4)

    task = Task("conditional", parameters, epochs=4, curve=curve)
    for name, make in peers().items():
        found = simulate(task, make(task, 0), 2, (6,), 0)
        assert found.started >= 6, name
        assert found.complete >= 1, name
        assert found.regret[0] < 200, name
