"""The training process, for real: whatever a trainable does, it costs its own trial and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.experiment.states import TrialState
from search.space.loading import SpaceFile
from search.trial.forking.launch import ForkServer
from search.trial.messages import CLOSING, TrialSpec
from search.trial.runner import TrialRunner
from tests.support.processes import is_gone, wait_until
from tests.support.training_process import SPACE, context, fork_server, pid_of, run, scores, until_it_waits


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    one = fork_server()
    yield one
    one.close()


@pytest.fixture(params=["started", "forked"])
def runner(request: pytest.FixtureRequest, server: ForkServer, tmp_path: Path) -> Iterator[TrialRunner]:
    forks = server.address if request.param == "forked" else None
    one = TrialRunner(context(tmp_path, fork_server=forks), "here")
    yield one
    one.close()


def test_a_trial_reports_every_epoch_and_its_end(runner: TrialRunner) -> None:
    reports = run(runner, act="summary")
    assert scores(reports) == [1.0, 2.0, 3.0]
    assert [m["epoch"] for r in reports for m in r.epochs] == [1, 2, 3]
    end = reports[-1].end
    assert end is not None
    assert (end.state, end.summary) == (TrialState.COMPLETE, {"test_score": 0.5})


@pytest.mark.parametrize(("act", "state", "epochs"), [("good", "complete", 3), ("raise", "failed", 1)])
def test_a_short_trial_is_one_report_with_all_that_it_measured(
    tmp_path: Path, act: str, state: str, epochs: int
) -> None:
    runner = TrialRunner(context(tmp_path, report_every_s=60.0), "here")
    (report,) = run(runner, act=act)
    runner.close()
    assert report.end is not None
    assert (report.end.state, [m["epoch"] for m in report.epochs]) == (state, [*range(1, epochs + 1)])


def test_the_process_is_kept_from_trial_to_trial(runner: TrialRunner) -> None:
    workers = {run(runner, trial_id, act="good")[-1].worker for trial_id in ("00000", "00001", "00002")}
    assert len(workers) == 1


DATA = """
from search.space import Float, Space

def numbers(config, trial):
    return [config["factor"], trial.seed]

def train(config, trial):
    assert config["dataset"] == trial.asked["dataset"]
    yield {"score": sum(config["dataset"](config, trial)) if callable(config["dataset"]) else -1.0}

space = Space(trainable=train, parameters={"factor": Float(0, 9)}, dataset=numbers, metric="score", trials=2)
"""


@pytest.mark.parametrize(("dataset", "score"), [("numbers()", 5.0), ("mnist", -1.0)])
def test_a_data_set_that_is_a_function_is_handed_to_the_trainable(tmp_path: Path, dataset: str, score: float) -> None:
    runner = TrialRunner(
        context(tmp_path, space_file=SpaceFile(str(tmp_path / "data.py"), DATA), asked={"dataset": dataset}), "here"
    )
    assert scores(run(runner, factor=5.0, dataset=dataset)) == [score]
    runner.close()


@pytest.mark.parametrize(
    ("act", "error", "diverged"),
    [
        ("raise", "KeyError: 'no such layer'", False),
        ("exit", "SystemExit: 7", False),
        ("colours", "ValueError: 4 channels, not 3", False),
        ("nan", "loss became nan in epoch 2", True),
        ("explode", "loss exploded from 1 to 1e+09 in epoch 2", True),
        ("return", "the trainable returned a dict; expected a generator", False),
        ("misspelt", "the trainable yielded no 'score', the metric of the space", False),
        ("back", "the trainable yielded epoch 1; expected epochs that count up from 3", False),
        ("taken", "the trainable yielded 'seed', a column that every trial has; expected another name", False),
    ],
)
def test_a_failed_trial_says_why_and_the_next_one_runs(
    runner: TrialRunner, act: str, error: str, diverged: bool
) -> None:
    end = run(runner, act=act)[-1].end
    assert end is not None
    assert (end.state, end.diverged) == (TrialState.FAILED, diverged)
    assert error in str(end.error)
    assert "acts.py" in end.traceback or act in ("nan", "explode", "return", "misspelt", "back", "taken")
    assert scores(run(runner, "00001", act="good")) == [1.0, 2.0, 3.0]


def test_trial_that_raises_trial_pruned_is_pruned_with_what_it_reported(runner: TrialRunner) -> None:
    reports = run(runner, act="prune")
    assert reports[-1].end is not None
    assert reports[-1].end.state is TrialState.PRUNED
    assert scores(reports) == [1.0]


def test_what_is_known_of_a_trial_only_at_its_end_comes_back(runner: TrialRunner) -> None:
    reports = run(runner, act="summary")
    assert [report.facts for report in reports if report.facts] == [{"engine_reason": "known at the end"}]
    assert sum(len(report.epochs) for report in reports) == 3


def test_what_a_trial_prints_comes_back_with_its_end_and_no_other(runner: TrialRunner) -> None:
    first, second = run(runner, act="print")[-1].end, run(runner, "00001", act="good")[-1].end
    assert first is not None
    assert second is not None
    assert first.output == "a word from the trial\nand one past Python"
    assert second.output == ""


def test_a_trial_whose_process_keeps_dying_fails_after_three_attempts(runner: TrialRunner) -> None:
    reports = run(runner, act="vanish")
    end = reports[-1].end
    assert end is not None
    assert end.error == "its training process ended with exit code 3, 3 times"
    assert len([event for report in reports for event in report.events]) == 3
    assert scores(run(runner, "00001", act="good")) == [1.0, 2.0, 3.0]


def test_a_killed_process_costs_no_epoch_that_was_saved(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, checkpoint_every_s=0.0, rungs=(2,)), "here")
    runner.begin(TrialSpec("00000", {"act": "good", "epochs": 6}, seed=0, proposed_at=time.monotonic()))
    reports = until_it_waits(runner)
    os.kill(pid_of(reports), signal.SIGKILL)
    saved = max(int(path.name) for path in (tmp_path / "checkpoints/00000").glob("[0-9]*"))
    while reports[-1].end is None:
        reports.append(runner.proceed())
    runner.close()
    last = reports[-2].epochs[-1]
    assert reports[-1].end.state is TrialState.COMPLETE
    assert last["epoch"] == 6
    assert last["first"] == saved + 1


def test_a_hanging_trial_fails_after_the_time_limit(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, trial_timeout_s=6.0), "here")  # The start of the process counts.
    end = run(runner, act="hang")[-1].end
    assert end is not None
    assert end.error == "its training process gave no report for 6 s"
    line = next(n for n, text in enumerate(SPACE.split("\n"), 1) if "sleep(600)" in text)
    assert f'acts.py", line {line} in train' in end.output  # Where it hung.
    assert scores(run(runner, "00001", act="good")) == [1.0, 2.0, 3.0]
    runner.close()


def test_a_trial_waits_at_its_rungs_only_and_stops_when_told(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, rungs=(1, 3)), "here")
    runner.begin(TrialSpec("00000", {"act": "good", "epochs": 5}, seed=0, proposed_at=time.monotonic()))
    reports = [runner.proceed()]
    while not (reports[-1].waits and reports[-1].epochs[-1]["epoch"] == 3):
        reports.append(runner.proceed())
    assert [r.epochs[-1]["epoch"] for r in reports if r.waits] == [1, 3]
    # The next trial's start is what tells the old one to stop.
    assert scores(run(runner, "00001", decides=False, act="good")) == [1.0, 2.0, 3.0]
    runner.close()


def test_a_trial_that_waits_when_the_worker_ends_runs_its_finally(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, rungs=(1,)), "here")
    runner.begin(TrialSpec("00000", {"act": "tidy", "folder": str(tmp_path)}, seed=0, proposed_at=time.monotonic()))
    assert runner.proceed().waits
    runner.close()
    assert (tmp_path / "tidied").exists()


def test_a_trial_that_waits_has_told_what_it_printed(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, rungs=(1,)), "here")
    runner.begin(TrialSpec("00000", {"act": "print"}, seed=0, proposed_at=time.monotonic()))
    report = runner.proceed()
    runner.close()
    assert (report.waits, "a word from the trial" in report.output) == (True, True)


def test_a_closing_search_saves_its_running_trials(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path), "here")
    (tmp_path / CLOSING).touch()
    end = run(runner, act="good")[-1].end
    assert end is not None
    assert end.state is TrialState.INTERRUPTED
    (tmp_path / CLOSING).unlink()
    reports = run(runner, act="good")
    assert scores(reports) == [1.0, 2.0, 3.0]  # The saved epoch is reported again, not trained again.
    assert [m["first"] for r in reports for m in r.epochs] == [1.0, 2.0, 2.0]
    runner.close()


def test_a_process_that_has_grown_too_much_since_its_first_trial_is_replaced(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, recycle_bytes=48 << 20), "here")
    reports = [run(runner, f"{n:05d}", act="grow") for n in range(6)]
    runner.close()
    workers = [r[-1].worker for r in reports]
    assert workers[0] == workers[1] == workers[2] != workers[3] == workers[4] == workers[5]
    told = [event for rs in reports for r in rs for event in r.events]
    assert len(told) == 2
    assert all("which has grown by 6" in event and "MiB in 3 trials" in event for event in told)


def test_a_process_that_only_reads_a_mapped_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(bytes(range(256)) * (1 << 18))
    runner = TrialRunner(context(tmp_path, recycle_bytes=32 << 20), "here")
    reports = [run(runner, "00000", act="good"), run(runner, "00001", act="map", folder=str(tmp_path))]
    reports.append(run(runner, "00002", act="good"))
    assert scores(reports[1]) == [1.0, 2.0, 3.0]
    runner.close()
    assert len({r[-1].worker for r in reports}) == 1


def test_the_training_process_ends_with_its_worker(tmp_path: Path) -> None:
    """A worker that is killed leaves no process behind."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        runner = TrialRunner(context(tmp_path), "here")
        os.write(writer, str(pid_of(run(runner, act="good"))).encode())
        time.sleep(60)
        os._exit(0)
    child = int(os.read(reader, 100))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(reader)
    os.close(writer)
    wait_until(lambda: is_gone(child))


EARLY = """
import sys
from pathlib import Path
from search.space import Choice, Space
from tests.support.training_process import warm_up
from trainables.trial import Declaration

here = Path(__file__).parent
print("said by the space file")
if not (here / "mended").exists():
    raise ImportError("what it needs is not here yet")
(here / "run").touch()

def train(config, trial):
    print("said by the trial")
    yield {"score": float("wave" in sys.modules)}

train.declaration = Declaration(warm_up=warm_up)
space = Space(trainable=train, parameters={"a": Choice(1, 2)}, metric="score", trials=2)
"""


@pytest.fixture
def early(tmp_path: Path) -> Iterator[TrialRunner]:
    """A worker whose process has been started before there is a trial."""
    one = TrialRunner(context(tmp_path, space_file=SpaceFile(str(tmp_path / "early.py"), EARLY)), "here")
    yield one
    one.close()


def test_a_process_without_a_trial_imports_what_trials_need(early: TrialRunner, tmp_path: Path) -> None:
    (tmp_path / "mended").touch()
    early.prepare()
    end = time.monotonic() + 60
    while not (tmp_path / "run").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert (tmp_path / "run").exists()
    trials = [run(early, trial_id, a=1) for trial_id in ("00000", "00001")]
    assert [scores(reports) for reports in trials] == [[1.0], [1.0]]
    assert [reports[-1].end.output.splitlines() for reports in trials if reports[-1].end is not None] == [
        ["said by the space file", "said by the trial"],
        ["said by the trial"],
    ]


def test_what_fails_before_there_is_a_trial_is_the_first_trial_s_error_and_told_once(early: TrialRunner) -> None:
    early.prepare()
    end = run(early, a=1)[-1].end
    assert end is not None
    assert "what it needs is not here yet" in str(end.error)
    assert end.output.count("said by the space file") == 1
