"""Where the files of trials go on nodes that see the experiment folder and on those that do not; real processes."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.cluster.nodes.checks import what_blind_nodes_lack
from search.experiment.folder import Experiment
from search.experiment.lock import sees
from search.experiment.remote.store import Store, parse_store
from search.experiment.states import TrialState
from search.space.loading import SpaceFile
from search.trial.checkpoints import InFolder, InStore, OnThisNode, trial_storage
from search.trial.messages import Report, TrialSpec
from search.trial.runner import TrialRunner
from tests.support.small_experiment import SPACE
from tests.support.training_process import context, pid_of, run, scores, until_it_waits

DEAD = parse_store("s3://bucket/e?endpoint_override=127.0.0.1:9&scheme=http")
MODEL = """
    def train(config, trial):
        for epoch in range(1, 3):
            trial.save_model = lambda path: path.write_text("model")
            trial.save_predictions = lambda path: path.write_text("predictions")
            yield {"score": float(epoch)}

    from search.space import Choice, Space
    space = Space(trainable=train, parameters={"act": Choice("good", "bad")}, metric="score", trials=2)
"""

Start = Callable[..., TrialRunner]


def model_space() -> dict[str, object]:
    """Changes of a context that make its trials save models, and no checkpoints."""
    return {"space_file": SpaceFile("models.py", textwrap.dedent(MODEL)), "checkpoint_every_s": 1e9}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Workers on nodes that do not see the experiment folder."""
    runners: list[TrialRunner] = []

    def one(store: Store | None, **changes: object) -> TrialRunner:
        blind = {"token": "another driver's", "store": store, "checkpoint_every_s": 0.0}
        runners.append(TrialRunner(context(tmp_path, **{**blind, **changes}), "far"))
        return runners[-1]

    yield one
    for runner in runners:
        runner.close()


def begin(runner: TrialRunner, begun: bool = False, epochs: int = 6) -> None:
    config: dict[str, object] = {"act": "slow", "epochs": epochs}
    runner.begin(TrialSpec("00000", config, seed=0, proposed_at=time.monotonic(), begun=begun))


def finish(runner: TrialRunner) -> list[Report]:
    reports = [runner.proceed()]
    while reports[-1].end is None:
        reports.append(runner.proceed())
    return reports


def test_the_files_of_a_trial_go_to_the_folder_the_store_or_nowhere(tmp_path: Path, store: Store) -> None:
    experiment = Experiment.create(tmp_path / "e", SPACE, "", {})
    assert sees(experiment.root, experiment.token)
    assert isinstance(trial_storage(context(experiment.root, token=experiment.token, store=store)), InFolder)
    assert isinstance(trial_storage(context(experiment.root, token="another", store=store)), InStore)
    assert isinstance(trial_storage(context(tmp_path / "nothing", token=experiment.token)), OnThisNode)
    experiment.close()


def test_a_trial_goes_on_from_the_store_on_another_node(tmp_path: Path, store: Store, start: Start) -> None:
    first = start(store, rungs=(3,))
    begin(first)
    until_it_waits(first)
    first.close()
    second = start(store)
    begin(second, begun=True)
    reports = finish(second)
    assert reports[-1].end is not None
    assert reports[-1].end.state is TrialState.COMPLETE
    assert scores(reports) == [1, 2, 3, 4, 5, 6]  # With those that led to the checkpoint.
    assert reports[-2].epochs[-1]["first"] >= 2
    assert list(tmp_path.iterdir()) == []  # Nothing was written to a folder of the experiment's path.
    whole = [name for name in store.list() if name.endswith("reported.json")]
    assert len(whole) == 1


def test_a_trial_that_is_new_asks_no_store(start: Start) -> None:
    runner = start(DEAD, checkpoint_every_s=1e9)
    end = run(runner, act="good")[-1].end
    assert end is not None
    assert (end.state, end.output) == (TrialState.COMPLETE, "")


def test_a_store_that_does_not_answer_costs_checkpoints_and_no_trial(start: Start) -> None:
    runner = start(DEAD)
    begin(runner, begun=True, epochs=2)
    reports = finish(runner)
    end = reports[-1].end
    assert end is not None
    assert (end.state, scores(reports)) == (TrialState.COMPLETE, [1, 2])
    assert "was not asked for a checkpoint (Could not connect to server)" in end.output
    assert "did not take this checkpoint" in end.output


def test_model_and_predictions_go_to_the_store(store: Store, start: Start) -> None:
    runner = start(store, **model_space())
    end = run(runner, act="good")[-1].end
    assert end is not None
    assert end.state is TrialState.COMPLETE
    assert store.read("models/00000.keras") == b"model"
    assert store.read("predictions/00000.parquet") == b"predictions"
    lost = run(start(DEAD, **model_space()), act="good")[-1].end
    assert lost is not None
    assert lost.state is TrialState.COMPLETE
    assert "did not take models/00000.keras" in lost.output


def test_without_folder_and_store_a_trial_survives_its_process_but_keeps_nothing(tmp_path: Path, start: Start) -> None:
    runner = start(None, token=f"test-{os.getpid()}", rungs=(3,))
    begin(runner)
    os.kill(pid_of(until_it_waits(runner)), signal.SIGKILL)
    reports = finish(runner)
    assert reports[-1].end is not None
    assert reports[-1].end.state is TrialState.COMPLETE
    assert reports[-2].epochs[-1]["first"] >= 2
    run(runner, "00001", act="good")
    left = Path(tempfile.gettempdir()) / f"search-test-{os.getpid()}-{os.getpid()}"
    assert [path.name for path in (left / "checkpoints").iterdir()] == ["00001"]
    run(start(None, **model_space()), act="good")
    assert list(left.parent.glob("search-another driver's-*/models")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_search_that_is_closed_saves_trials_of_far_nodes_in_the_store(store: Store, start: Start) -> None:
    runner = start(store, checkpoint_every_s=1e9)
    closing: list[bool] = []
    runner.closing = lambda: bool(closing)
    begin(runner, epochs=100_000)
    first = runner.proceed()
    assert first.end is None
    closing.append(True)
    reports = finish(runner)
    assert reports[-1].end is not None
    assert reports[-1].end.state is TrialState.INTERRUPTED
    last = int(reports[-1].epochs[-1]["epoch"])
    assert len(json.loads(store.read(f"checkpoints/00000/{last:06d}/reported.json"))) == last


def test_a_node_with_the_folder_goes_on_from_a_far_node_s_checkpoint(
    tmp_path: Path, store: Store, start: Start
) -> None:
    far = start(store, rungs=(3,))
    begin(far)
    until_it_waits(far)
    far.close()
    near = TrialRunner(context(tmp_path, store=store), "near")
    begin(near, begun=True)
    reports = finish(near)
    near.close()
    assert scores(reports) == [1, 2, 3, 4, 5, 6]
    assert reports[-2].epochs[-1]["first"] >= 2


def test_what_nodes_without_the_folder_lack_is_told_before_training(store: Store) -> None:
    (line,) = what_blind_nodes_lack(["10.0.0.7", "10.0.0.7"], Path("results/e"), None, {})
    assert line.startswith("NOTE: 10.0.0.7 cannot reach results/e: metrics are stored all the same")
    assert "or an object store, by --results" in line
    lines = what_blind_nodes_lack(["one", "two"], Path("results/e"), store, {"two": "access denied"})
    assert lines == [
        "NOTE: two can write neither to results/e nor to s3://bucket/results/e (access denied): metrics are stored all "
        "the same, but trials there save no checkpoint and no model. Give that node network and credentials for the "
        "store.",
        "one: checkpoints and models go to s3://bucket/results/e directly.",
    ]
