"""What trackers are told of a search, and searches in TensorBoard, read back by its own reader."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.command import run
from analysis.export import export
from search.experiment.states import TrialState
from search.experiment.trackers import Tracking
from search.experiment.trackers.tensorboard import TensorBoard
from search.experiment.trackers.tracker import Row, Tracker
from search.run import main
from tests.support.search_world import World
from tests.support.tracked_search import STATES, logged_to, searched

ROOT = Path(__file__).parents[2]

READ_TENSORBOARD = """
import json, pathlib, sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")  # TensorBoard then reads without TensorFlow.
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

found = {}
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    read = EventAccumulator(str(folder)).Reload()
    try:
        own = {name: HParamsPluginData.FromString(text) for name, text in read.PluginTagToContent("hparams").items()}
    except KeyError:
        own = {}
    end = own.get("_hparams_/session_end_info")
    start = own.get("_hparams_/session_start_info")
    found[folder.name] = {
        "curve": [[e.step, e.value] for e in read.Scalars("value")] if "value" in read.Tags()["scalars"] else [],
        "status": end.session_end_info.status if end else None,
        "state": start.session_start_info.hparams["state"].string_value if start else None,
        "x": start.session_start_info.hparams["x"].number_value if start else None,
        "own_state": start.session_start_info.hparams["config.state"].string_value if start else None,
        "texts": [t for t in read.Tags()["tensors"]],
    }
print(json.dumps(found))
"""


def tensorboard(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", textwrap.dedent(READ_TENSORBOARD), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_tensorboard_has_curves_configurations_and_honest_states(make: Callable[..., World], tmp_path: Path) -> None:
    world = make(stopping="none")
    specs = logged_to("tensorboard", world)
    assert run(export, [str(world.experiment.root), "--to", "tensorboard", "--output", str(tmp_path / "out")]) == 0
    live, exported = tensorboard(world.experiment.root / "tensorboard"), tensorboard(tmp_path / "out" / "e")
    assert live.pop("00004")["status"] is None, "a trial that was cut off has no end"
    assert live == exported
    assert live.pop("search")["texts"] == ["best/text_summary"]
    assert [run["status"] for run in live.values()] == [1, 1, 2, 1], "success, success, failure, success"
    assert [run["state"] for run in live.values()] == list(map(str, STATES))
    for trial_id, run_ in live.items():
        assert run_["curve"] == [[1, 0.5], [2, 1.0]]
        assert run_["x"] == pytest.approx(specs[trial_id].config["x"])
    assert "error/text_summary" in live["00002"]["texts"]


def test_resumed_search_is_logged_from_its_first_trial_to_its_last(make: Callable[..., World], tmp_path: Path) -> None:
    world = make(stopping="none")
    folder = world.experiment.root / "tensorboard"
    early, failed = world.start(), world.start()
    world.epoch(early, 1, 0.25)
    world.end(early)  # Before anything is logged.
    world.search.recorder.flush()
    world.experiment.tracking = Tracking(["tensorboard"], world.experiment.root)
    world.epoch(failed, 1, 0.5)
    world.end(failed, TrialState.FAILED, error="no")
    cut_off = world.start()
    world.epoch(cut_off, 1, 0.75)
    world.search.recorder.close()
    assert world.experiment.tracking.close() == []
    before = {file: file.read_bytes() for file in folder.glob("*/*")}
    world.resume(trials=3)
    world.experiment.tracking = Tracking(["tensorboard"], world.experiment.root)
    again = world.start()
    assert again.trial_id == cut_off.trial_id
    world.epoch(again, 2, 1.0)
    world.end(again)
    world.search.recorder.close()
    assert world.experiment.tracking.close() == []
    found = tensorboard(folder)
    assert [run["state"] for run in found.values()] == ["complete", "failed", "complete"]
    assert found["00000"]["curve"] == [[1, 0.25]], "it ended before anything was logged"
    assert found["00002"]["curve"] == [[1, 0.75], [2, 1.0]], "no epoch stands there twice"
    assert [file.read_bytes() for file in before] == [*before.values()], "what was written stays as it was"
    assert len(list(folder.glob("00001/*"))) == 1, "a trial that was written to its end is not written again"


def test_trial_that_failed_and_is_run_again_has_its_second_end(make: Callable[..., World]) -> None:
    world = make(stopping="none")
    folder = world.experiment.root / "tensorboard"
    for value, state, error in ((0.5, TrialState.FAILED, "no"), (0.75, TrialState.COMPLETE, None)):
        world.experiment.tracking = Tracking(["tensorboard"], world.experiment.root)
        spec = world.start()
        world.epoch(spec, 1, value)
        world.end(spec, state, error=error)
        world.search.recorder.close()
        assert world.experiment.tracking.close() == []
        world.resume(retry_failed=True)
    found = tensorboard(folder)["00000"]
    assert (found["state"], found["status"], found["curve"]) == ("complete", 1, [[1, 0.75]])


def test_setting_that_is_called_state_stands_beside_the_state(tmp_path: Path) -> None:
    TensorBoard(tmp_path).take([{"trial_id": "00000", "state": "pruned", "epochs": 1, "config.state": "gas"}], [])
    found = tensorboard(tmp_path)["00000"]
    assert (found["state"], found["own_state"]) == ("pruned", "gas")


class Heard(Tracker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[object, ...]] = []

    def begin(self, row: Row, again: bool) -> int:
        self.said.append(("again" if again else "begin", row["trial_id"]))
        return 0

    def epoch(self, row: Row) -> None:
        self.said.append((row["trial_id"], row["epoch"]))

    def end(self, row: Row) -> None:
        self.said.append((row["trial_id"], str(row["state"])))

    def close(self, best: str | None, model: Path | None) -> None: ...


@pytest.mark.parametrize("together", [False, True])
def test_leader_that_was_stopped_and_is_trained_to_its_end_has_that_end(together: bool) -> None:
    """The rows of its stop and of its second beginning may be stored at once."""
    running, pruned, complete = ({"trial_id": "0", "state": state} for state in ("running", "pruned", "complete"))
    first, second = ({"trial_id": "0", "epoch": epoch} for epoch in (1, 2))
    heard = Heard()
    if together:
        heard.take([running, pruned, running], [first, first])
    else:
        heard.take([running, pruned], [first])
        heard.take([running], [first])
    heard.take([complete], [second])
    anew = [] if together else [("0", "pruned"), ("again", "0"), ("0", 1)]
    assert heard.said == [("begin", "0"), ("0", 1), *anew, ("0", 2), ("0", "complete")]


def test_tracker_that_is_not_installed_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # As if it were not installed: Python finds no such module then.
    assert main(["spaces/branin.py", "--log", "tensorboard", "--log", "mlflow", "--dry-run"]) == 2
    assert "--log mlflow needs the package 'mlflow', which is not installed. Install it: pip" in capsys.readouterr().err


class Broken(Tracker):
    """A server that is down."""

    def begin(self, row: Row, again: bool) -> int:
        raise ConnectionError("nobody answers")

    def epoch(self, row: Row) -> None: ...
    def end(self, row: Row) -> None: ...
    def close(self, best: str | None, model: Path | None) -> None: ...


def test_tracker_that_fails_costs_no_trial_and_is_told_once(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.experiment.trackers.tracking.make_tracker", lambda *words: Broken())
    world = make(stopping="none")
    world.experiment.tracking = Tracking(["mlflow"], world.experiment.root)
    searched(world)
    said = world.experiment.tracking.close()
    assert len(said) == 1
    assert said[0].startswith("nothing more is logged to mlflow (ConnectionError: nobody answers); once the search")
    assert f"python -m analysis.export {world.experiment.root} --to mlflow" in said[0]
    assert list(world.states().values()) == [*map(str, STATES), "running"]
