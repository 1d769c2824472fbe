"""Searches as real processes that tests interrupt and kill, and what must hold behind every fault."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import optuna
import psutil
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.experiment.schema import read_epochs, read_trials
from tests.support.processes import kill

ROOT = Path(__file__).parents[2]


class Driver:
    """`python -m search.run spaces/branin.py` on its own Ray, in a process group of its own as under a terminal.

    It is started in `folder`; another --results among the words takes the place of `results`. `program`: what Python
    runs in the place of `-m search.run`.
    """

    def __init__(
        self,
        results: Path,
        *words: str,
        space: str = "spaces/branin.py",
        folder: Path = ROOT,
        program: Sequence[str] = ("-m", "search.run"),
        **environment: str,
    ) -> None:
        self.root = results / Path(space).stem
        command = [sys.executable, *program, space, "--results", str(results), *words]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def finish(self, timeout_s: float = 120) -> int:
        """Wait for the end and return the exit code."""
        self.output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode

    def wait_for(self, holds: Callable[[], bool], timeout_s: float = 120, poll_s: float = 0.01) -> None:
        """Wait until something holds, looking every `poll_s` seconds; fails when the driver ends before, or in time."""
        end = time.monotonic() + timeout_s
        while not holds():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"it never came to that: {self.process.communicate()[0]}")
            time.sleep(poll_s)

    def wait_for_ended(self, count: int) -> None:
        """Wait until so many trials have a final row."""
        self.wait_for(lambda: ended(self.root) >= count)

    def wait_for_words(self, words: str, timeout_s: float = 200) -> str:
        """What the driver says until it says these words."""
        assert self.process.stdout is not None
        descriptor, said = self.process.stdout.fileno(), bytearray()
        os.set_blocking(descriptor, False)

        def holds() -> bool:
            with suppress(BlockingIOError):
                said.extend(os.read(descriptor, 1 << 16))
            return words in said.decode(errors="replace")

        self.wait_for(holds, timeout_s)
        os.set_blocking(descriptor, True)
        return said.decode()

    def kill(self, grace_s: float = 1.0) -> None:
        """End the driver as a crash does, and after the grace what it leaves of its cluster."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        _, alive = psutil.wait_procs(children, timeout=grace_s)
        kill(alive)

    def interrupt(self) -> None:
        """Ctrl-C: every process of the terminal's group hears it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def training_processes(self) -> list[psutil.Process]:
        """The training processes of its workers."""
        return [p for p in psutil.Process(self.process.pid).children(recursive=True) if is_training(p)]


def is_training(process: psutil.Process) -> bool:
    """Whether it is a training process."""
    try:
        command, parent = process.cmdline(), process.parent()
        forked = "search.trial.forking.server" in command and parent is not None and parent.cmdline() == command
        return forked or "search.trial.child" in command
    except psutil.Error:
        return False


def ended(root: Path) -> int:
    """Trials with a final row."""
    table = read_trials(root).table
    return sum(state != "running" for state in table["state"].to_pylist()) if len(table) else 0


def study_states(root: Path) -> Counter[str]:
    """Trials of the Optuna study by state."""
    storage = JournalStorage(JournalFileBackend(str(root / "study.journal")))
    return Counter(trial.state.name for trial in optuna.load_study(study_name=None, storage=storage).trials)


def check_whole(root: Path, trials: int, epochs: int, cut_off: int = 0, gaps: int = 0) -> None:
    """Every trial complete once, with all its epochs; the study agrees and holds no more FAIL than attempts cut off.

    `gaps`: numbers that may be missing, of trials that had only begun when all that knew of them was lost.
    """
    table = read_trials(root).table
    ids = sorted(table["trial_id"].to_pylist())
    assert len(ids) == len(set(ids)) == trials
    assert set(ids) <= {f"{n:05d}" for n in range(trials + gaps)}
    assert set(table["state"].to_pylist()) == {"complete"}
    per_trial = Counter(read_epochs(root).table["trial_id"].to_pylist())
    assert per_trial == dict.fromkeys(ids, epochs)
    states = study_states(root)
    assert states["COMPLETE"] == trials
    assert states["RUNNING"] == 0
    assert states["FAIL"] <= cut_off
    assert not list(root.rglob("*.pkl"))
    assert not any((root / "checkpoints").glob("*")) or not (root / "checkpoints").exists()
