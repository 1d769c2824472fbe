"""Searches in Weights & Biases, offline: its files are read back by its own messages."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.command import run
from analysis.export import export
from search.experiment.states import TrialState
from search.experiment.trackers import Tracking
from search.experiment.trackers.wandb import WeightsAndBiases
from search.run import main
from tests.support.search_world import World
from tests.support.tracked_search import STATES, logged_to

pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install 'keras-search[wandb]'")
BLOCK = 2**15


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No server, no account, and no file outside of the test's own folder."""
    import wandb

    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name))
    yield
    wandb.teardown()


def records(file: Path) -> Iterator[Any]:
    """The messages of a run's log: blocks of 32 KiB, each of chunks with checksum, length and place in the message."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, message = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := BLOCK - at % BLOCK) < 7:
            at += left
            continue
        _, length, place = struct.unpack("<IHB", data[at : at + 7])
        message += data[at + 7 : at + 7 + length]
        at += 7 + length
        if place in (1, 4):  # It is whole, or this was its last chunk.
            yield Record.FromString(message)
            message = b""


def items(entries: Any) -> dict[str, Any]:
    return {one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in entries}


def runs(folder: Path) -> dict[str, dict[str, Any]]:
    """What the logs of a project say of each run, by its name; those of one run in the order of their writing."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"curve": [], "exits": [], "summary": {}, "files": []})
    for file in sorted(folder.glob("offline-run-*/*.wandb")):
        read = list(records(file))
        of = found[next(one.run.display_name for one in read if one.HasField("run"))]
        for one in read:
            kind = one.WhichOneof("record_type")
            if kind == "run":
                of["config"], of["tags"] = items(one.run.config.update), list(one.run.tags)
                assert one.run.resume, "a run of that name is gone on with"
            elif kind == "history":
                values = items(one.history.item)
                of["curve"].append([values["_step"], values.get("value")])
            elif kind == "summary":
                of["summary"] |= items(one.summary.update)
            elif kind == "artifact":
                of["files"] += [entry.path for entry in one.artifact.manifest.contents]
        of["exits"].append(next((one.exit.exit_code for one in read if one.HasField("exit")), None))
    return found


def test_runs_have_curves_configurations_states_and_the_best_model(make: Callable[..., World], tmp_path: Path) -> None:
    world = make(stopping="none")
    specs = logged_to("wandb", world)
    root = world.experiment.root
    assert run(export, [str(root), "--to", "wandb", "--output", str(tmp_path / "out")]) == 0
    live, exported = runs(root / "wandb"), runs(tmp_path / "out" / "e" / "wandb")
    cut_off = live.pop("00004")
    assert (cut_off["summary"]["state"], cut_off["exits"]) == ("interrupted", [0])
    search = live.pop("search")
    assert (search["summary"]["best_trial"], search["files"]) == ("00000", ["best.keras"])
    assert exported.pop("search")["files"] == ["best.keras"]
    assert [one["exits"] for one in live.values()] == [[0], [0], [1], [0]], "only the failed one has failed"
    for found in (live, exported):
        assert [one["tags"] for one in found.values()] == [[str(state)] for state in STATES]
        assert [one["summary"]["state"] for one in found.values()] == [str(state) for state in STATES]
        for trial_id, one in found.items():
            assert one["curve"] == [[1, 0.5], [2, 1.0]]
            assert one["config"]["x"] == pytest.approx(specs[trial_id].config["x"])
            assert one["summary"]["best.value"] == 1.0
    assert live["00002"]["summary"]["error"] == "no"
    assert run(export, [str(root), "--to", "wandb"]) == 0
    again = runs(root / "wandb")
    assert [len(again[trial_id]["exits"]) for trial_id in live] == [1] * 4, "what is there already is left alone"


def test_resumed_trial_goes_on_in_its_run(make: Callable[..., World]) -> None:
    world = make(stopping="none")
    for epoch in (1, 2):
        world.experiment.tracking = Tracking(["wandb"], world.experiment.root)
        spec = world.start()
        world.epoch(spec, epoch, epoch / 2)
        if epoch == 2:
            world.end(spec, TrialState.PRUNED)
        world.search.recorder.close()
        assert world.experiment.tracking.close() == []
        world.resume()
    (found,) = runs(world.experiment.root / "wandb").values()
    assert found["exits"] == [0, 0]
    assert found["curve"] == [[1, 0.5], [1, 0.5], [2, 1.0]], "the second time, a server leaves out the first epoch"
    assert found["summary"]["state"] == "pruned"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MODE": "online"}, "--log wandb finds no key of an account; expected one in WANDB_API_KEY or from `wandb lo"),
        ({"MODE": "online", "API_KEY": "no key"}, "--log wandb cannot log in ("),
        ({"MODE": "disabled"}, "WANDB_MODE=disabled, and --log wandb would log nothing; expected online or offline."),
    ],
)
def test_server_without_an_account_is_refused_before_training(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    assert main(["spaces/branin.py", "--log", "wandb", "--dry-run"]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(said)


def test_trial_that_had_failed_when_the_search_was_exported_is_exported_again(tmp_path: Path) -> None:
    row = {"trial_id": "00000", "state": "failed", "error": "no", "epochs": 1}
    epochs = [{"trial_id": "00000", "epoch": 1, "value": 0.5}]
    for ended in (row, {**row, "state": "complete", "error": None}, {**row, "state": "complete", "error": None}):
        written = WeightsAndBiases({"name": "e"}, tmp_path)
        written.take([ended], epochs)
        written.close(None, None)
    found = runs(tmp_path / "wandb")["00000"]
    assert found["exits"] == [1, 0], "and the third time it is there already"
    assert (found["summary"]["state"], found["summary"]["error"]) == ("complete", None)
