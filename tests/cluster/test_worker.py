"""The worker between two trials, with a real training process and without Ray."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.cluster.worker import Worker
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
    return TrialSpec(f"{number:05d}", {"act": "tidy", "folder": str(folder)}, seed=0, proposed_at=time.time())


def test_a_training_process_begins_the_next_trial_when_its_worker_takes_it(worker: Worker, tmp_path: Path) -> None:
    assert run(worker._runner, act="good")[-1].end is not None
    worker.take(spec(1, tmp_path))
    until = time.monotonic() + 60
    while not (tmp_path / "tidied").exists() and time.monotonic() < until:  # Nobody has called `step`.
        time.sleep(0.01)
    assert (tmp_path / "tidied").exists()
    report = worker.step()["report"]
    assert (report.trial_id, report.end.state) == ("00001", TrialState.COMPLETE)


def test_the_first_trial_of_a_worker_starts_its_process_in_a_step(worker: Worker, tmp_path: Path) -> None:
    worker.take(spec(0, tmp_path))
    assert not worker._runner.has_process
    assert worker.step()["report"].end.state is TrialState.COMPLETE
