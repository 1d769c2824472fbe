"""Ties a process to the one that started it, so that it does not outlive it."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends, however that ends (Linux; elsewhere nothing is done).

    A training process ends with its worker, and a worker with its node's Ray. Otherwise a worker in the middle of a
    trial would train on, on a node that the cluster has given up, while the trial has begun again on another.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
