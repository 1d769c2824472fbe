"""Processes that end while a test looks at them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil


def is_gone(pid: int) -> bool:
    """Whether no process of that number runs: none exists, or its parent has not yet asked how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # One question only: between two of them it could end.
        return True


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most a minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def existing(pids: Iterable[int]) -> list[psutil.Process]:
    """Those of the processes that exist."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def named(name: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those of the processes that have the name."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.name() == name:
                found.append(process)
    return found


def kill(processes: Iterable[psutil.Process]) -> None:
    """End the processes, whichever of them still run."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
