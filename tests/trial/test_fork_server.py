"""Training processes that are forked: by whom, with what, and with whom they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from search.space.loading import SpaceFile
from search.space.unloaded import FrameworkNeeded, frameworks_unloaded
from search.trial.forking.launch import ForkServer, ForkServerPlan
from search.trial.messages import ForkServerAddress, ProcessResources, TrialSpec
from search.trial.process import import_path, training_environment
from search.trial.runner import TrialRunner
from tests.support.processes import is_gone, wait_until
from tests.support.training_process import (
    context,
    fork_server,
    open_data,
    pid_of,
    run,
    scores,
    started,
    until_it_waits,
    warm_up,
)

ROOT = Path(__file__).parents[2]
WHAT_IT_IS = """
import os, random, sys
import numpy
from search.space import Choice, Space

def train(config, trial):
    values = {"warm": "wave" in sys.modules, "server": os.getppid(), "descriptors": len(os.listdir("/proc/self/fd"))}
    yield {"score": random.random(), "numpy": numpy.random.random(), **values}

space = Space(trainable=train, parameters={"a": Choice(1, 2)}, metric="score", trials=2)
"""
WORKER = """
import sys, time
from pathlib import Path
from search.trial.messages import ForkServerAddress, TrialSpec
from search.trial.runner import TrialRunner
from tests.support.training_process import context, pid_of

runner = TrialRunner(context(Path(sys.argv[1]), fork_server=ForkServerAddress(sys.argv[2], 1)), "here")
runner.begin(TrialSpec("00000", {"act": "hang"}, seed=0, proposed_at=0.0))
print(pid_of([runner.proceed()]), flush=True)
time.sleep(600)
"""

WITHOUT_A_TRIAL = """
import sys, time
from pathlib import Path
import psutil
from search.trial.runner import TrialRunner
from tests.support.training_process import context

runner = TrialRunner(context(Path(sys.argv[1])), "here")
runner.prepare()
print(psutil.Process().children()[0].pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server() -> Iterator[ForkServer]:
    one = fork_server()
    yield one
    one.close()


def test_what_a_space_file_sets_before_it_imports_tensorflow_is_set_for_the_server_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.delitem(sys.modules, "keras_tuner", raising=False)
    text = "import os\nos.environ['TF_ENABLE_ONEDNN_OPTS'] = '0'\nimport keras_tuner"
    with pytest.raises(FrameworkNeeded), frameworks_unloaded():
        SpaceFile("given.py", text).run()
    assert training_environment(import_path(), ProcessResources())["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_each_worker_gets_a_process_of_its_own_that_has_what_the_server_imported(
    server: ForkServer, tmp_path: Path
) -> None:
    space_file = SpaceFile(str(tmp_path / "what.py"), WHAT_IT_IS)
    forks = context(tmp_path, fork_server=server.address, space_file=space_file)
    first, second, third = (TrialRunner(forks, "here") for _ in range(3))
    reports = [run(runner, a=1) for runner in (first, second, third)]
    found = [one[0].epochs[0] for one in reports]
    assert len({pid_of(one) for one in reports}) == 3
    assert [values["warm"] for values in found] == [1.0, 1.0, 1.0]
    assert {values["server"] for values in found} == {psutil.Process(pid_of(reports[0])).ppid()}
    assert {values["server"] for values in found} != {os.getpid()}
    assert len({values["score"] for values in found}) == 3, "also what is drawn without a seed"
    assert len({values["numpy"] for values in found}) == 3
    assert len({values["descriptors"] for values in found}) == 1, "none holds what belongs to another"
    for runner in (first, second, third):
        runner.close()
    wait_until(lambda: all(is_gone(pid_of(one)) for one in reports))


def test_a_worker_that_needs_other_threads_starts_its_process_itself(server: ForkServer, tmp_path: Path) -> None:
    other = ForkServerAddress(server.address.name, cpus=2)
    runner = TrialRunner(context(tmp_path, fork_server=other), "here")
    assert psutil.Process(pid_of(run(runner, act="good"))).ppid() == os.getpid()
    runner.close()


def test_where_there_is_no_server_a_worker_starts_its_process_itself(tmp_path: Path) -> None:
    runner = TrialRunner(context(tmp_path, fork_server=ForkServerAddress("nobody", 1)), "here")
    assert psutil.Process(pid_of(run(runner, act="good"))).ppid() == os.getpid()
    runner.close()


def test_a_killed_worker_takes_its_process_along_in_the_middle_of_an_epoch(server: ForkServer, tmp_path: Path) -> None:
    words = [sys.executable, "-c", WORKER, str(tmp_path), server.address.name]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert not is_gone(pid)
        worker.kill()
    wait_until(lambda: is_gone(pid))


@pytest.mark.parametrize("name", ["digits", "endless"])
def test_data_are_decoded_by_a_process_apart_that_ends_with_the_server(tmp_path: Path, name: str) -> None:
    plan = ForkServerPlan.of(warm_up, 1, {}, (open_data, name, str(tmp_path), {"image_size": (32, (8, 8))}))
    server = started(plan)
    wait_until((tmp_path / "opened").exists)
    called, settings, pid, parent = json.loads((tmp_path / "opened").read_text())
    assert (called, settings, parent) == (name, {"image_size": [32, [8, 8]]}, server._process.pid)
    runner = TrialRunner(context(tmp_path, fork_server=server.address), "here")
    assert scores(run(runner, act="good")) == [1.0, 2.0, 3.0]
    if name == "digits":
        wait_until(lambda: not psutil.pid_exists(pid))  # It is no zombie either.
    runner.close()
    server.close()
    wait_until(lambda: is_gone(pid))


def test_a_process_without_a_trial_ends_with_its_worker(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WITHOUT_A_TRIAL, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert not is_gone(pid)
        worker.kill()
    wait_until(lambda: is_gone(pid))


def test_a_killed_server_costs_no_trial(server: ForkServer, tmp_path: Path) -> None:
    at_its_rung = context(tmp_path, fork_server=server.address, checkpoint_every_s=0.0, rungs=(2,))
    runner = TrialRunner(at_its_rung, "here")
    runner.begin(TrialSpec("00000", {"act": "good", "epochs": 6}, seed=0, proposed_at=time.monotonic()))
    reports = until_it_waits(runner)
    forked = pid_of(reports)
    os.kill(psutil.Process(forked).ppid(), signal.SIGKILL)
    wait_until(lambda: is_gone(forked))
    while reports[-1].end is None:
        reports.append(runner.proceed())
    runner.close()
    assert reports[-1].end.error is None
    assert scores(reports)[-1] == 6.0
    assert [event for report in reports for event in report.events] == [
        f"worker here:{forked} was killed by signal 9 in trial 00000"
    ]
    assert is_gone(forked)
