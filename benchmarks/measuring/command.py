"""Runs a command as a user would, cold, in processes of its own, and measures it from outside."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring.contestants import Contestant
from benchmarks.peers.record import Record

ROOT = Path(__file__).parents[2]
SETTLE_S = 2.0
"""Pause after a command, in seconds, in which its daemons end."""


@dataclass(frozen=True)
class Run:
    """One run of one contestant."""

    trials: int
    began_at: float
    """Start of the run, in seconds since the epoch."""
    seconds: float
    """Duration of the whole command, start and end of its processes included."""
    record: Record

    @property
    def per_trial(self) -> float:
        """Seconds of the whole command, divided by its trials."""
        return self.seconds / self.trials

    @property
    def warm(self) -> float:
        """Seconds a trial over the second half of the trials, when everything is imported and compiled."""
        ends = self.record.finished_at
        middle = len(ends) // 2
        return (ends[-1] - ends[middle - 1]) / (len(ends) - middle)

    @property
    def best(self) -> float:
        """Best validation accuracy of all trials."""
        return max(self.record.values)


def run(contestant: Contestant, trials: int, folder: Path) -> Run:
    """Run a contestant with its files in an empty folder."""
    began, began_at = time.perf_counter(), time.time()
    run_all(contestant.commands(trials, folder))
    seconds = time.perf_counter() - began
    time.sleep(SETTLE_S)
    record = contestant.read(folder)
    if len(record.values) != trials:
        raise SystemExit(f"{contestant.title}: {len(record.values)} of {trials} trials completed")
    return Run(trials, began_at, seconds, record)


def run_all(commands: Sequence[Sequence[str]], environment: Mapping[str, str] | None = None) -> None:
    """Start the processes side by side and wait for them; their output is shown when one fails.

    `environment` takes the place of this process' own.
    """
    with tempfile.TemporaryFile("w+") as output:
        processes = [
            subprocess.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=output) for words in commands
        ]
        codes = [process.wait() for process in processes]
        if any(codes):
            output.seek(0)
            raise SystemExit(f"{' '.join(commands[0])} failed:\n{output.read()[-4000:]}")
