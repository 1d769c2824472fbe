"""A trial that a worker holds while another is trained: begun once, by itself, whatever becomes of the other."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.experiment.states import TrialState
from search.trial import child, runner
from search.trial.messages import Report, TrialSpec
from search.trial.runner import TrialRunner
from tests.support.training_process import context, pid_of, run, until_it_waits


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given back because a busy machine starts processes slowly."""
    monkeypatch.setattr(runner, "HOLD_S", 600.0)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[TrialRunner]:
    one = TrialRunner(context(tmp_path, report_every_s=60.0), "here")
    yield one
    one.close()


def spec(number: int, act: str = "good", **config: object) -> TrialSpec:
    return TrialSpec(f"{number:05d}", {"act": act, **config}, seed=0, proposed_at=time.monotonic())


def to_the_end(worker: TrialRunner) -> Report:
    """The report with which the present trial ends."""
    while (report := worker.proceed()).end is None:
        assert not report.waits
    return report


def state(report: Report) -> tuple[str, TrialState]:
    assert report.end is not None
    return report.trial_id, report.end.state


def test_a_held_trial_is_begun_without_a_word(worker: TrialRunner, tmp_path: Path) -> None:
    worker.begin(spec(0, "print"))
    worker.hold(spec(1, "tidy", folder=str(tmp_path)))
    until = time.monotonic() + 60
    while not (tmp_path / "tidied").exists() and time.monotonic() < until:  # Nobody has asked for a report.
        time.sleep(0.01)
    first, second = to_the_end(worker), to_the_end(worker)
    assert [state(first), state(second)] == [("00000", TrialState.COMPLETE), ("00001", TrialState.COMPLETE)]
    assert first.end is not None
    assert first.end.output == "a word from the trial\nand one past Python", "Its own, though another has begun since."
    assert second.begun_s_ago is not None
    assert first.worker == second.worker
    assert state(run(worker, "00002", act="good")[-1]) == ("00002", TrialState.COMPLETE)


@pytest.mark.parametrize("act", ["raise", "prune", "vanish"])
def test_a_held_trial_follows_whatever_becomes_of_the_one_before(worker: TrialRunner, act: str) -> None:
    worker.begin(spec(0, act))
    worker.hold(spec(1))
    ended = state(to_the_end(worker))
    assert ended == ("00000", TrialState.PRUNED if act == "prune" else TrialState.FAILED)
    assert state(to_the_end(worker)) == ("00001", TrialState.COMPLETE)
    assert state(run(worker, "00002", act="good")[-1]) == ("00002", TrialState.COMPLETE)


def test_a_process_that_is_killed_in_a_held_trial_begins_it_again(worker: TrialRunner) -> None:
    worker.begin(spec(0))
    worker.hold(spec(1, "hang"))
    first = to_the_end(worker)
    os.kill(pid_of([first]), signal.SIGKILL)
    worker.hold(spec(2))
    worker._spec = spec(1)  # It hangs no more.
    second = to_the_end(worker)
    assert state(second) == ("00001", TrialState.COMPLETE)
    assert second.worker != first.worker
    assert state(to_the_end(worker)) == ("00002", TrialState.COMPLETE)


def test_a_held_trial_goes_back_where_the_present_one_takes_long(
    worker: TrialRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "HOLD_S", 0.0)
    worker.begin(spec(0, "slow", epochs=5))
    worker.hold(spec(1))
    report = worker.proceed()
    assert (report.trial_id, report.gives_back, report.end) == ("00000", True, None)
    assert state(worker.proceed()) == ("00000", TrialState.COMPLETE)
    assert state(run(worker, "00002", act="good")[-1]) == ("00002", TrialState.COMPLETE), "The other is not begun."


def test_time_in_which_the_machine_stood_still_is_no_silence_of_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under Ctrl-Z, or frozen with its container: the clock has gone on, and nobody has waited."""
    looks = itertools.count()
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: 1000.0 * next(looks)))
    worker = TrialRunner(context(tmp_path, trial_timeout_s=100.0), "here")
    assert state(run(worker, act="slow")[-1]) == ("00000", TrialState.COMPLETE)
    worker.close()


def test_a_trial_that_is_too_large_to_be_held_goes_back(worker: TrialRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.trial.process.LARGEST_HELD", child.LARGEST_HELD // 8)
    worker.begin(spec(0))
    worker.hold(spec(1, note="x" * child.LARGEST_HELD))
    report = to_the_end(worker)
    assert (report.gives_back, state(report)) == (True, ("00000", TrialState.COMPLETE))
    assert state(run(worker, "00002", act="good")[-1]) == ("00002", TrialState.COMPLETE)


def test_the_held_trial_follows_one_that_is_told_to_stop(tmp_path: Path) -> None:
    worker = TrialRunner(context(tmp_path, rungs=(2,)), "here")
    worker.begin(spec(0, "tidy", folder=str(tmp_path)))
    worker.hold(TrialSpec("00001", {"act": "good"}, seed=0, proposed_at=time.monotonic(), decides=False))
    until_it_waits(worker)
    worker.go_on_to_held()
    assert state(to_the_end(worker)) == ("00001", TrialState.COMPLETE)
    assert (tmp_path / "tidied").exists()
    worker.close()


def test_a_closing_search_begins_no_held_trial(tmp_path: Path) -> None:
    closing = False
    worker = TrialRunner(context(tmp_path), "here", closing=lambda: closing)
    worker.begin(spec(0, "slow", epochs=100))
    worker.hold(spec(1))
    worker.proceed()
    closing = True
    assert state(to_the_end(worker)) == ("00000", TrialState.INTERRUPTED)
    closing = False
    assert state(run(worker, "00002", act="good")[-1]) == ("00002", TrialState.COMPLETE)
    worker.close()


def test_each_trial_ends_once_however_often_processes_are_killed(tmp_path: Path) -> None:
    worker, rng = TrialRunner(context(tmp_path, report_every_s=60.0, attempts=1000), "here"), random.Random(5)
    ended = []
    worker.begin(spec(0))
    for number in range(1, 41):
        worker.hold(spec(number))
        if worker.has_process and rng.random() < 0.2:
            time.sleep(rng.random() * 0.004)
            os.kill(worker._process.id.pid, signal.SIGKILL)  # type: ignore[union-attr]  # there is one
        ended.append(state(to_the_end(worker)))
    assert ended == [(f"{number:05d}", TrialState.COMPLETE) for number in range(40)]
    worker.close()
