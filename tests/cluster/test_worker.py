"""The worker between two trials, with a real training process and without Ray."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.cluster.nodes.checks import NodeView
from search.cluster.worker import Worker, WorkerStarted
from search.experiment.states import TrialState
from search.trial.messages import TrialSpec
from search.trial.runner import TrialRunner
from tests.support.training_process import context, run


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker past its start."""
    one = Worker.__new__(Worker)
    one._runner, one._started = TrialRunner(context(tmp_path, report_every_s=60.0), "here"), None
    yield one
    one.stop()


def spec(number: int, folder: Path) -> TrialSpec:
    return TrialSpec(f"{number:05d}", {"act": "tidy", "folder": str(folder)}, seed=0, proposed_at=time.monotonic())


def test_a_training_process_begins_the_next_trial_when_its_worker_takes_it(worker: Worker, tmp_path: Path) -> None:
    assert run(worker._runner, act="good")[-1].end is not None
    worker.take(spec(1, tmp_path))
    until = time.monotonic() + 60
    while not (tmp_path / "tidied").exists() and time.monotonic() < until:  # Nobody has called `step`.
        time.sleep(0.01)
    assert (tmp_path / "tidied").exists()
    report = worker.step()["report"]
    assert (report.trial_id, report.end.state) == ("00001", TrialState.COMPLETE)


def test_a_worker_on_a_node_that_is_still_to_be_looked_at_has_a_process_and_does_not_train(
    worker: Worker, tmp_path: Path
) -> None:
    worker._started = WorkerStarted(None, "joined", (), NodeView("here", {}, sees_data=True, sees_results=True))
    worker._runner.prepare()
    worker.take(spec(0, tmp_path))
    assert worker._spec is not None
    assert worker.step()["started"].node_id == "joined"
    worker.reserve_place()  # The driver does not want it.
    assert not worker._runner.has_process
    assert worker.step() == {"report": None}
    assert not (tmp_path / "tidied").exists()


def test_a_worker_that_is_to_keep_its_place_ends_the_trial_that_it_held(worker: Worker, tmp_path: Path) -> None:
    worker.take(spec(0, tmp_path))
    worker.hold(spec(1, tmp_path))
    assert worker.step()["report"].end.state is TrialState.COMPLETE
    worker.reserve_place()  # The node does not hold the data: the other may have begun.
    assert not worker._runner.has_process
    assert worker.step() == {"report": None}


def test_the_first_trial_of_a_worker_starts_its_process_in_a_step(worker: Worker, tmp_path: Path) -> None:
    worker.take(spec(0, tmp_path))
    assert not worker._runner.has_process
    assert worker.step()["report"].end.state is TrialState.COMPLETE
