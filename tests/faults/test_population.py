"""A population of real trainings whose driver is killed: its members go on where they were, from the right weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.experiment.schema import read_epochs, read_trials
from search.use.__main__ import main
from tests.support.crashes import Driver, ended

pytestmark = pytest.mark.slow

SPACE = """
from search.space import Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="digits",
    parameters={"learning_rate": Float(1e-3, 1e-1, log=True), "dropout": Float(0.0, 0.5)},
    fixed={"network": "two_conv", "filters": 16, "batch_norm": "none", "epochs": 12, "sample_size": 1000},
    population={"members": 3, "interval": 4, "change": ["learning_rate", "dropout"]},
)
"""


def test_a_population_goes_on_behind_a_kill_and_its_best_is_trained_again_to_the_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "rates.py"
    space.write_text(SPACE)
    driver = Driver(tmp_path, "--max-concurrent", "2", space=str(space))
    driver.wait_for(lambda: ended(driver.root) > 0, poll_s=0.02)  # The first comparison is stored.
    driver.kill()
    again = Driver(tmp_path, "--max-concurrent", "2", "--resume", space=str(space))
    assert again.finish() == 0, again.output
    trials = {row["trial_id"]: row for row in read_trials(driver.root).table.to_pylist()}
    assert sorted(row["state"] for row in trials.values()) == ["complete"] * 3 + ["pruned"] * 2
    epochs = read_epochs(driver.root).table.to_pylist()
    for trial_id, row in trials.items():
        own = [(one["epoch"], one["learning_rate"]) for one in epochs if one["trial_id"] == trial_id]
        begins = row["parent_epoch"] or 0
        assert own == [
            (e, pytest.approx(row["config.learning_rate"])) for e in range(begins + 1, begins + 1 + len(own))
        ]
        assert len(own) == row["epochs"]
    assert len(epochs) == 3 * 12
    assert not [*(driver.root / "checkpoints").glob("*/*")]
    followers = [row for row in trials.values() if row["parent"] is not None and row["state"] == "complete"]
    last = max(followers, key=lambda row: row["parent_epoch"])
    assert main(["reproduce", str(driver.root), "--trial", last["trial_id"]]) == 0
    assert main(["refit", str(driver.root), "--trial", last["trial_id"], "--seeds", "1"]) == 0
    assert main(["card", str(driver.root), "--trial", last["trial_id"]]) == 0
    said = capsys.readouterr()
    assert "the same, to the bit" in said.out
    assert f"training trial {last['trial_id']} after {last['parent']} on training and validation" in said.out
    (refitted,) = json.loads((driver.root / "refit" / f"{last['trial_id']}.json").read_text())
    assert refitted["sample_size"] > 1000  # The validation images too.
    assert refitted["test_accuracy"] > 0.9
    assert "Settings changed while it trained" in (driver.root / "card.md").read_text()
