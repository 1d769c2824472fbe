"""A whole search by two objectives under a constraint, on the embedded digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from search import Experiment
from search.run import main
from trainables.engines.runtime import configure

configure(cpus=1)

SPACE = """
from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    train, {"filters": Choice(2, 4, 8, 64), "pooling": Choice("avg", "max")}, "digits",
    fixed={"epochs": 2, "sample_size": 400, "head_units": (16,)},
    objectives={"val_accuracy": "max", "num_parameters": "min"},
    constraints={"num_parameters": "<= 2e4"},
    sampler="grid", stopping="none",
)
"""


@pytest.mark.slow
def test_front_of_digits_is_told_stored_and_kept_as_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sizes.py"
    file.write_text(SPACE)
    assert main([str(file), "--results", str(tmp_path), "--max-concurrent", "1"]) == 0
    said = capsys.readouterr().out
    assert "2 configurations violate num_parameters <= 2e4 and are not compared." in said
    assert "Pareto front of val_accuracy (max), num_parameters (min)" in said
    experiment = Experiment(tmp_path / "sizes")
    trials = experiment.trials.set_index("trial_id")
    large = trials[trials["config.filters"] == 64]
    assert (large["state"] == "pruned").all()
    assert (large["epochs"] == 0).all()
    assert (large["num_parameters"] > 2e4).all()
    others = trials.drop(large.index)
    assert (others["state"] == "complete").all()
    front = [one.trial_id for one in experiment.front]
    on = [a for a, x in others.iterrows() if not _is_dominated(x, others)]
    assert sorted(front) == on == sorted(others.index[others["on_front"].astype(bool)])
    assert {path.stem for path in (experiment.path / "models").glob("0*.keras")} == set(front)
    assert experiment.best_model().count_params() == experiment.best.values["num_parameters"]


def _is_dominated(own: Any, others: pd.DataFrame) -> bool:
    good = (others["val_accuracy"] >= own["val_accuracy"]) & (others["num_parameters"] <= own["num_parameters"])
    better = (others["val_accuracy"] > own["val_accuracy"]) | (others["num_parameters"] < own["num_parameters"])
    return bool((good & better).any())
