"""Runs one search for so many seconds of wall clock on two cores, ends it, and keeps what it had found when."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.measuring.command import ROOT, SETTLE_S
from benchmarks.real.systems import Epoch, System

CORES = 2
GRACE_S = 15.0
"""Seconds that a search has to end by itself once it is asked to; what it does then does not count."""


class SearchEndedEarly(Exception):
    """A search that ended by itself, or finished no epoch in its time; the text has the end of its output."""


def on_two_cores() -> None:
    """Let this process, and all that it starts, use two cores and no more."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def timed(system: System, problem: str, seed: int, seconds: float) -> dict[str, Any]:
    """Return the improvements (seconds, best value) and the number of epochs within the time.

    The clock starts with the command, so that imports count. Raises SearchEndedEarly for a search that ends by
    itself, or that finishes no epoch at all.
    """
    with tempfile.TemporaryDirectory(prefix="real-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / "output.txt").open("w+", encoding="utf-8") as output:
            began = time.time()
            _run_for(seconds, system.commands(problem, seed, folder), output)
            time.sleep(SETTLE_S)
            epochs = [epoch for epoch in system.read(folder) if epoch.at - began <= seconds]
            if not epochs:
                raise SearchEndedEarly(f"no epoch ended within {seconds:g} s:\n{_end_of(output)}")
    return {"curve": improvements(epochs, began), "epochs": len(epochs)}


def improvements(epochs: Sequence[Epoch], began: float) -> list[tuple[float, float]]:
    """Return (seconds since `began`, value) of each epoch that was better than all before it."""
    best, found = float("-inf"), []
    for epoch in sorted(epochs, key=lambda epoch: epoch.at):
        if epoch.value > best:
            best = epoch.value
            found.append((round(epoch.at - began, 2), round(best, 5)))
    return found


def _run_for(seconds: float, commands: Sequence[Sequence[str]], output: IO[str]) -> None:
    until = time.monotonic() + seconds
    processes = [subprocess.Popen(words, cwd=ROOT, stdout=output, stderr=output) for words in commands]
    try:
        while time.monotonic() < until:
            if any(process.poll() is not None for process in processes):
                raise SearchEndedEarly(f"{' '.join(commands[0])} ended by itself:\n{_end_of(output)}")
            time.sleep(0.05)
    finally:
        _end(processes)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask the processes to end, and kill what is left of them and of all that they have started."""
    started: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.Error):
            started += psutil.Process(process.pid).children(recursive=True)
        process.terminate()
    until = time.monotonic() + GRACE_S
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(started, timeout=1)
    for survivor in left:
        with suppress(psutil.Error):
            survivor.kill()


def _end_of(output: IO[str]) -> str:
    output.seek(0)
    return output.read()[-4000:]
