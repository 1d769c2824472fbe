"""Ties a process to the one that it works for, so that it does not outlive it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1
_F_SETSIG = 10


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends, however that ends (Linux; elsewhere nothing is done).

    A training process ends with its worker, and a worker with its node's Ray. Otherwise a worker in the middle of a
    trial would train on, on a node that the cluster has given up, while the trial has begun again on another.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_peer(descriptor: int) -> None:
    """Let the kernel end this process when the last process that holds the other end of a socket ends (Linux).

    Nobody may ever write to the socket: the signal comes with anything that happens to it.
    """
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:  # It has ended before.
        os._exit(1)
