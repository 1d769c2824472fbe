"""Searches in TensorBoard and MLflow, read back by their own readers."""

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
from search.experiment.trackers.mlflow import Mlflow
from search.experiment.trackers.tracker import Row, Tracker
from search.run import main
from tests.support.search_world import World
from tests.support.tracked_search import STATES, searched

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
    world.experiment.tracking = Tracking(["tensorboard"], world.experiment.root)
    specs = searched(world)
    assert world.experiment.tracking.close() == []
    world.close()
    assert run(export, [str(world.experiment.root), "--to", "tensorboard", "--output", str(tmp_path / "out")]) == 0
    live, exported = tensorboard(world.experiment.root / "tensorboard"), tensorboard(tmp_path / "out" / "e")
    assert live.pop("00004")["status"] is None, "a trial that was cut off has no end"
    assert live == exported
    assert [run["status"] for run in live.values()] == [1, 1, 2, 1], "success, success, failure, success"
    assert [run["state"] for run in live.values()] == list(map(str, STATES))
    for trial_id, run_ in live.items():
        assert run_["curve"] == [[1, 0.5], [2, 1.0]]
        assert run_["x"] == pytest.approx(specs[trial_id].config["x"])
    assert "best/text_summary" in live["00000"]["texts"]
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
    assert found["00002"]["curve"][-1] == [2, 1.0]
    assert [file.read_bytes() for file in before] == [*before.values()], "what was written stays as it was"
    assert len(list(folder.glob("00001/*"))) == 1, "a trial that was written to its end is not written again"


def test_trial_that_failed_and_is_run_again_has_its_second_end(make: Callable[..., World]) -> None:
    world = make(stopping="none")
    folder = world.experiment.root / "tensorboard"
    for _ in range(2):
        world.experiment.tracking = Tracking(["tensorboard"], world.experiment.root)
        spec = world.start()
        world.epoch(spec, 1, 0.5)
        world.end(spec, TrialState.FAILED, error="no")
        world.search.recorder.close()
        assert world.experiment.tracking.close() == []
        world.resume(retry_failed=True)
    assert len(list(folder.glob("00000/*"))) == 2


def test_tracker_that_is_not_installed_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # As if it were not installed: Python finds no such module then.
    assert main(["spaces/branin.py", "--log", "tensorboard", "--log", "mlflow", "--dry-run"]) == 2
    assert "--log mlflow needs the package 'mlflow', which is not installed. Install it: pip" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy
def test_mlflow_has_runs_in_their_states_and_the_best_model(
    make: Callable[..., World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    from mlflow import MlflowClient

    world = make(stopping="none")
    world.experiment.tracking = Tracking(["mlflow"], world.experiment.root)
    specs = searched(world)
    assert world.experiment.tracking.close() == []
    world.close()
    client = MlflowClient()
    for _ in range(2):  # What was logged already is not logged again.
        runs = {
            r.data.tags["trial_id"]: r for r in client.search_runs([client.get_experiment_by_name("e").experiment_id])
        }
        assert [runs[name].info.status for name in sorted(runs)] == [
            "FINISHED",
            "KILLED",
            "FAILED",
            "FINISHED",
            "KILLED",
        ]
        states = [runs[name].data.tags["state"] for name in sorted(runs)]
        assert states == [*map(str, STATES), "interrupted"]
        curve = client.get_metric_history(runs["00000"].info.run_id, "value")
        assert [(one.step, one.value) for one in curve] == [(1, 0.5), (2, 1.0)]
        assert float(runs["00001"].data.params["x"]) == pytest.approx(specs["00001"].config["x"])
        assert runs["00002"].data.tags["error"] == "no"
        found = [file.path for file in client.list_artifacts(runs["00000"].info.run_id, "model")]
        assert found == ["model/best.keras"]
        assert run(export, [str(world.experiment.root), "--to", "mlflow"]) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy
def test_run_that_was_cut_off_in_mlflow_gets_what_it_lacks_and_no_epoch_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver was killed when the run was made and had no settings yet, or after its first epoch."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.create_experiment("e")
    client.create_run(experiment, tags={"trial_id": "00000", "state": "running"})
    rows = [{"trial_id": f"0000{n}", "state": "running", "config.x": n / 4} for n in (0, 1)]
    epochs = [{"trial_id": "00001", "epoch": epoch, "value": epoch / 2} for epoch in (1, 2)]
    Mlflow("e").take(rows[1:], epochs[:1])
    again = Mlflow("e")
    again.take(rows, epochs[:1])
    again.take([{**row, "state": "complete", "epochs": 2} for row in rows], epochs)
    runs = {run.data.tags["trial_id"]: run for run in client.search_runs([experiment])}
    assert {name: run.data.params for name, run in runs.items()} == {"00000": {"x": "0.0"}, "00001": {"x": "0.25"}}
    curve = client.get_metric_history(runs["00001"].info.run_id, "value")
    assert [(one.step, one.value) for one in curve] == [(1, 0.5), (2, 1.0)]


class Broken(Tracker):
    """A server that is down."""

    def begin(self, row: Row) -> None:
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
