"""Tables of real learning curves, and how the simulator answers by them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulator.clock import simulate
from benchmarks.simulator.product import Product
from benchmarks.simulator.tables.nearest import FAMILIES, Nearest, TableTask, task_of
from benchmarks.simulator.tables.stored import Curves, curves_of, read, write
from benchmarks.spaces.nothing import train
from search.experiment.folder import Experiment
from search.space import Choice, Config, Float, Int, Space

SPACE = Space(
    trainable=train,
    parameters={
        "network": Choice("dense", "conv"),
        "layers": Int(1, 3, when={"network": "dense"}),
        "rate": Float(1e-4, 1.0, log=True),
    },
    fixed={"epochs": 2},
    metric="value",
    mode="max",
    trials=1,
)
CONFIGS: list[Config] = [
    {"network": "dense", "layers": 1, "rate": 1e-3},
    {"network": "dense", "layers": 3, "rate": 1e-1},
    {"network": "conv", "rate": 1e-1},
]
CURVES = Curves(CONFIGS, np.array([[0.1, 0.2], [0.3, np.nan], [0.5, 0.4]]))


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"network": "dense", "layers": 1, "rate": 2e-3}, 0),
        ({"network": "dense", "layers": 2, "rate": 3e-1}, 1),
        ({"network": "conv", "rate": 1e-4}, 2),  # Another rate is nearer than another network.
        ({"network": "dense", "layers": 3, "rate": 1e-2}, 1),
    ],
)
def test_the_nearest_configuration_answers(config: Config, place: int) -> None:
    assert Nearest(dict(SPACE.parameters), CURVES).place(config) == place


def test_regret_is_between_the_best_and_the_median_stored_training_that_did_not_fail() -> None:
    task = task_of("small", CURVES, SPACE)
    assert isinstance(task, TableTask)
    assert (task.scale, task.epochs) == ((0.5, 0.35), 2)
    assert task.regret(0.5) == 0


def test_a_table_is_read_back_with_its_conditions_and_failures(tmp_path: Path) -> None:
    write(tmp_path / "table.parquet", CURVES, SPACE)
    found = read(tmp_path / "table.parquet", SPACE)
    assert found.configs == CONFIGS
    np.testing.assert_allclose(found.values, CURVES.values, atol=1e-4)


def test_a_table_has_the_trials_of_a_search_that_have_ended(tmp_path: Path) -> None:
    experiment = Experiment.create(tmp_path / "search", SPACE, "", {})
    at = {"started_at": datetime(2026, 1, 1, tzinfo=UTC), "finished_at": datetime(2026, 1, 2, tzinfo=UTC)}
    states = ("complete", "failed", "running")
    trials = [
        {"trial_id": str(i), "number": i, "state": state, **at, **{f"config.{k}": v for k, v in config.items()}}
        for i, (state, config) in enumerate(zip(states, CONFIGS, strict=True))
    ]
    epochs = [{"trial_id": str(i), "epoch": e, "value": i + e / 10} for i, e in ((1, 1), (0, 1), (0, 2), (2, 1))]
    experiment.append(trials, epochs)
    experiment.close()
    found = curves_of(tmp_path / "search", SPACE)
    assert found.configs == CONFIGS[:2]
    np.testing.assert_allclose(found.values, [[0.1, 0.2], [1.1, np.nan]])


def test_the_product_searches_a_table() -> None:
    task = task_of("small", CURVES, SPACE)
    found = simulate(task, Product(task, 0, "random", "none"), 2, (4,), 0)
    assert found.regret == [0.0]


@pytest.mark.parametrize("name", FAMILIES)
def test_stored_tables_are_of_the_size_that_is_told(name: str) -> None:
    for seed in (0, 1):
        task = FAMILIES[name](seed)
        assert isinstance(task, TableTask)
        assert len(task.stored) > 100
        assert task.scale[0] > task.scale[1]
