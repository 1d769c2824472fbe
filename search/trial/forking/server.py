"""Imports what every trial needs once, and forks the training processes of this machine, each in a few milliseconds.

    python -m search.trial.forking.server DESCRIPTOR MODULE:FUNCTION DATA

It is started as soon as a search is planned, so that TensorFlow is imported while Ray starts, or while the workers of
a cluster's node do, and by one process for all of them. A forked process is what `search.trial.child` is elsewhere. It
ends, by the kernel's hand, with the worker that asked for it and with this server, which ends with what started it. No
answer of a server is an error: a worker then starts its process itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from search.trial.child import serve
from search.trial.forking.sockets import REQUEST_BYTES, check_owner
from search.trial.orphans import die_with_parent, die_with_peer

_PATIENCE_S = 5.0
"""How long the server waits for the request of a worker that has connected."""


def main() -> None:
    """Fork until its parent ends; each forked process serves trials until its worker closes the pipe."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # As in the training processes.
    loop = _ForkLoop(socket.socket(fileno=int(sys.argv[1])))
    if data := json.loads(sys.argv[3]):
        loop.decode(*data)
    _named(sys.argv[2])()
    gc.freeze()  # What is there stays: no collection then touches, and so copies, the pages that all share.
    serve(*loop.next_process())


def _named(name: str) -> Callable[..., object]:
    module, _, function = name.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(module), function)
    return found


class _ForkLoop:
    """Forks a process for each worker that asks for one, and tells the worker how it ended."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)

    def decode(self, function: str, name: str, data_dir: str | None, settings: Mapping[str, Sequence[object]]) -> None:
        """Have the data decoded by a process apart, while this one imports; a trial that needs them waits for it."""
        server = os.getpid()
        pid = os.fork()
        if pid:
            self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, None))
            return
        with contextlib.suppress(BaseException):  # What is wrong with the data a trial will tell.
            die_with_parent()
            self._leave()
            if os.getppid() == server:
                _named(function)(name, Path(data_dir) if data_dir else None, settings)
        os._exit(0)

    def next_process(self) -> tuple[Connection, socket.socket]:
        """Answer workers for ever; only in a forked process it returns, with what that serves trials at."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._tell_end(key.fd, *key.data)
                elif (sockets := self._answer()) is not None:
                    return sockets

    def _answer(self) -> tuple[Connection, socket.socket] | None:
        """Fork for the worker that has connected: its pipe and hand in the forked process, None in the server."""
        connection, _ = self._listening.accept()
        connection.settimeout(_PATIENCE_S)
        descriptors: list[int] = []
        try:
            check_owner(connection)
            request, descriptors, *_ = socket.recv_fds(connection, REQUEST_BYTES, 4)
            if len(descriptors) < 4:
                raise OSError("no request")
        except OSError:  # The worker has ended meanwhile.
            connection.close()
            _close(descriptors)
            return None
        server = os.getpid()
        pid = os.fork()
        if not pid:
            self._leave()
            connection.close()
            return _become(server, json.loads(request), descriptors)
        process = os.pidfd_open(pid)
        _close(descriptors)
        with contextlib.suppress(OSError):  # A worker that has ended takes the process along by its lifeline.
            socket.send_fds(connection, [str(pid).encode()], [process])
        self._selector.register(process, selectors.EVENT_READ, (pid, connection))
        return None

    def _tell_end(self, process: int, pid: int, connection: socket.socket | None) -> None:
        """Tell the worker, where there is one, how its process has ended."""
        self._selector.unregister(process)
        os.close(process)
        _, status = os.waitpid(pid, 0)
        if connection is not None:
            with contextlib.suppress(OSError), connection:
                connection.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _leave(self) -> None:
        """In a forked process: close what is the server's, so that nobody takes it for the server's end."""
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                os.close(key.fd)
                if key.data[1] is not None:
                    key.data[1].close()
        self._selector.close()
        self._listening.close()


def _become(server: int, request: Mapping[str, Any], descriptors: Sequence[int]) -> tuple[Connection, socket.socket]:
    """Make a forked process its worker's: environment, folder, output, and an end with its worker and the server."""
    link, hand, output, lifeline = descriptors
    die_with_parent()
    if os.getppid() != server:
        os._exit(1)
    die_with_peer(lifeline)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    random.seed()  # Else what a trainable draws without a seed would be the same in all processes.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    return Connection(link), socket.socket(fileno=hand)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    main()
