"""Branin's function as a trainable."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.branin import DECLARATION, MINIMISERS, MINIMUM, branin, train
from trainables.errors import TrainableError
from trainables.trial import Trial


@pytest.mark.parametrize(("x1", "x2"), MINIMISERS)
def test_every_minimiser_gives_the_known_minimum(x1: float, x2: float) -> None:
    assert branin(x1, x2) == pytest.approx(MINIMUM, abs=1e-9)
    assert round(MINIMUM, 6) == 0.397887
    assert branin(x1 + 0.01, x2) > MINIMUM < branin(x1, x2 + 0.01)


def test_last_epoch_has_the_value_of_the_function() -> None:
    metrics = list(train({"x1": 1.0, "x2": 2.0, "epochs": 5}, Trial()))
    assert [m["epoch"] for m in metrics] == [1, 2, 3, 4, 5]
    assert metrics[-1]["value"] == branin(1.0, 2.0)
    assert metrics == sorted(metrics, key=lambda m: -m["value"])


def test_trial_from_a_checkpoint_goes_on_behind_its_epoch(tmp_path: Path) -> None:
    config, trial = {"x1": 1.0, "x2": 2.0, "epochs": 4}, Trial()
    running = train(config, trial)
    head = [next(running), next(running)]
    assert trial.save
    trial.save(tmp_path / "checkpoint")
    running.close()
    tail = list(train(config, Trial(checkpoint=tmp_path / "checkpoint")))
    assert head + tail == list(train(config, Trial()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epoch": [1]}, "Did you mean epochs"),
        ({"x1": [-5.0, 10.5]}, "10.5"),
        ({"epochs": [0]}, "from 1"),
        ({"x2": [math.nan]}, "x2"),
    ],
)
def test_wrong_setting_is_named(settings: dict[str, list[object]], words: str) -> None:
    with pytest.raises(TrainableError, match=words):
        DECLARATION.check(settings, None)


def test_import_needs_no_framework() -> None:
    code = "import sys, trainables.branin; assert not {'tensorflow', 'keras', 'ray', 'optuna'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
