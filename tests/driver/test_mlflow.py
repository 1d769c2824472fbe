"""Searches in MLflow, read back by its own client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.command import run
from analysis.export import export
from search.experiment.trackers.mlflow import Mlflow
from tests.support.search_world import World
from tests.support.tracked_search import STATES, logged_to

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to make one, and is therefore given one for all tests."""
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"


@pytest.fixture
def mlflow(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a store that is a file; artefacts go to where the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    from mlflow import MlflowClient

    return MlflowClient()


@pytest.fixture
def e(request: pytest.FixtureRequest) -> dict[str, str]:
    """The manifest of a search that no other test has."""
    return {"name": request.node.name, "created_at": "today"}


def runs_of(client: Any, e: dict[str, str]) -> dict[str, Any]:
    """The runs of a search that there are, by trial; each trial has one."""
    runs = client.search_runs([client.get_experiment_by_name(e["name"]).experiment_id])
    found = {run.data.tags["trial_id"]: run for run in runs}
    assert len(found) == len(runs)
    return found


def curve(client: Any, run: Any, name: str = "value") -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]


def test_mlflow_has_runs_in_their_states_and_the_best_model(make: Callable[..., World], mlflow: Any) -> None:
    world = make(stopping="none")
    specs = logged_to("mlflow", world)
    for _ in range(2):  # What was logged already is not logged again.
        runs = runs_of(mlflow, {"name": "e"})
        assert [runs[name].info.status for name in sorted(runs)] == [
            "FINISHED",
            "KILLED",
            "FAILED",
            "FINISHED",
            "KILLED",
        ]
        states = [runs[name].data.tags["state"] for name in sorted(runs)]
        assert states == [*map(str, STATES), "interrupted"]
        assert curve(mlflow, runs["00000"]) == [(1, 0.5), (2, 1.0)]
        assert float(runs["00001"].data.params["x"]) == pytest.approx(specs["00001"].config["x"])
        assert runs["00002"].data.tags["error"] == "no"
        found = [file.path for file in mlflow.list_artifacts(runs["00000"].info.run_id, "model")]
        assert found == ["model/best.keras"]
        assert run(export, [str(world.experiment.root), "--to", "mlflow"]) == 0


def test_run_that_was_cut_off_in_mlflow_gets_what_it_lacks_and_no_epoch_twice(mlflow: Any, e: dict[str, str]) -> None:
    """The driver was killed when the run was made and had no settings yet, or after its first epoch."""
    experiment = mlflow.create_experiment(e["name"])
    tags = {"search_created_at": "today", "trial_id": "00000", "state": "running"}
    mlflow.create_run(experiment, tags=tags)
    rows = [{"trial_id": f"0000{n}", "state": "running", "config.x": n / 4} for n in (0, 1)]
    epochs = [{"trial_id": "00001", "epoch": epoch, "value": epoch / 2} for epoch in (1, 2)]
    Mlflow(e).take(rows[1:], epochs[:1])
    again = Mlflow(e)
    again.take(rows, epochs[:1])
    again.take([{**row, "state": "complete", "epochs": 2} for row in rows], epochs)
    runs = runs_of(mlflow, e)
    assert {name: run.data.params for name, run in runs.items()} == {"00000": {"x": "0.0"}, "00001": {"x": "0.25"}}
    assert curve(mlflow, runs["00001"]) == [(1, 0.5), (2, 1.0)]


def test_search_under_the_name_of_an_earlier_one_has_runs_of_its_own_in_mlflow(mlflow: Any, e: dict[str, str]) -> None:
    for created, x in (("today", 0.25), ("tomorrow", 0.5)):
        row = {"trial_id": "00000", "state": "complete", "epochs": 1, "config.x": x}
        Mlflow({**e, "created_at": created}).take([row], [{"trial_id": "00000", "epoch": 1, "value": x}])
    found = mlflow.search_runs([mlflow.get_experiment_by_name(e["name"]).experiment_id])
    params = {run.data.tags["search_created_at"]: run.data.params for run in found}
    assert params == {"today": {"x": "0.25"}, "tomorrow": {"x": "0.5"}}
    assert [len(curve(mlflow, run)) for run in found] == [1, 1]


def test_trial_that_is_run_again_has_one_run_in_mlflow_and_the_new_best_alone_the_mark(
    mlflow: Any, e: dict[str, str]
) -> None:
    """It had failed when the search was exported, and is complete now."""
    ended = [{"trial_id": f"0000{n}", "state": "complete", "epochs": 1} for n in (0, 1)]
    failed = {**ended[1], "state": "failed", "error": "no"}
    epochs = [{"trial_id": f"0000{n}", "epoch": 1, "value": n / 2} for n in (0, 1)]
    for rows, best in (([ended[0], failed], "00000"), (ended, "00001")):
        written = Mlflow(e)
        written.take(rows, epochs)
        written.close(best, None)
    runs = runs_of(mlflow, e)
    assert [run.info.status for _, run in sorted(runs.items())] == ["FINISHED", "FINISHED"]
    assert "error" not in runs["00001"].data.tags
    assert curve(mlflow, runs["00001"]) == [(1, 0.5)]
    assert ["best" in run.data.tags for _, run in sorted(runs.items())] == [False, True]


class Killed:
    """A client whose process is killed at its call of that number."""

    def __init__(self, client: Any, call: int) -> None:
        self._client, self._left = client, call

    def __getattr__(self, name: str) -> Any:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        return getattr(self._client, name)


def test_run_whose_end_was_cut_off_in_mlflow_does_not_seem_to_run(mlflow: Any, e: dict[str, str]) -> None:
    rows = [{"trial_id": str(call), "state": "complete", "epochs": 1} for call in range(1, 6)]
    for call, row in enumerate(rows, 1):
        killed = Mlflow(e)
        killed._client = Killed(killed._client, call)
        with pytest.raises(KeyboardInterrupt):
            killed.take([row], [])
    Mlflow(e).take(rows, [])
    assert [run.info.status for run in runs_of(mlflow, e).values()] == ["FINISHED"] * 5


def test_names_that_mlflow_does_not_take_are_written_in_characters_that_it_takes(
    mlflow: Any, e: dict[str, str]
) -> None:
    values = {"lr [log]": 1, "lr (log)": 2, "größe/ü": 3, "../x": 4, "a//b": 5, "/": 6, "n" * 300: 7, "a.b c": 8}
    row = {"trial_id": "00000", "state": "complete", "epochs": 1, "recall@5": 0.5}
    row |= {f"config.{name}": value for name, value in values.items()}
    Mlflow(e).take([row], [{"trial_id": "00000", "epoch": 1, "recall@5": 0.5}])
    run = runs_of(mlflow, e)["00000"]
    assert sorted(run.data.params.values()) == sorted(map(str, values.values()))
    assert {"lr _log_", "lr _log__", "größe/ü", "a/b", "a.b c"} < run.data.params.keys()
    assert curve(mlflow, run, "recall_5") == [(1, 0.5)]
    assert run.data.metrics["best.recall_5"] == 0.5


def test_export_to_a_server_that_does_not_answer_is_refused_in_a_line(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    world = make()
    world.close()
    assert run(export, [str(world.experiment.root), "--to", "mlflow"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{world.experiment.root} cannot be written to mlflow (MlflowException: API request to http")
