"""Imports what every trial needs once, and forks the training processes of this machine, each in a few milliseconds.

    python -m search.trial.fork_server DESCRIPTOR MODULE:FUNCTION

It is started as soon as a search is planned, so that TensorFlow is imported while Ray starts, or while the workers of
a cluster's node do, and by one process for all of them. A forked process is what `search.trial.child` is elsewhere. It
ends, by the kernel's hand, with the worker that asked for it and with this server, which ends with what started it. No
answer of a server is an error: a worker then starts its process itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from search.trial.child import serve
from search.trial.messages import ForkServerAddress
from search.trial.orphans import die_with_parent, die_with_peer

_REQUEST_BYTES = 1 << 17
"""A request holds an environment and a folder; one that is longer is not sent."""
_PATIENCE_S = 5.0
"""How long the server waits for the request of a worker that has connected."""
ANSWER_S = 60.0
"""How long a worker waits for its process: the server may still be importing."""


# In the driver, or an actor on a node


@dataclass(frozen=True)
class Forks:
    """The fork server that a search may have, on its own machine or on each node of a cluster."""

    address: ForkServerAddress
    warm_up: str
    """What it imports: MODULE:FUNCTION of a trainable's declaration."""
    environment: Mapping[str, str]
    """What the space file has set in the driver's environment, which libraries read when they are imported."""

    @classmethod
    def of(cls, warm_up: Callable[[], None], cpus: int, environment: Mapping[str, str]) -> Forks:
        """Those of a new search, for processes that may use so many cores."""
        address = ForkServerAddress(f"keras-search-{uuid.uuid4().hex}", cpus)
        return cls(address, f"{warm_up.__module__}:{warm_up.__qualname__}", environment)

    def at(self, address: ForkServerAddress) -> Forks:
        """The same at another address."""
        return dataclasses.replace(self, address=address)


class ForkServer:
    """The server as it is held by what started it, until it is closed."""

    def __init__(self, address: ForkServerAddress, warm_up: str, environment: Mapping[str, str]) -> None:
        """`warm_up` is as in `Forks`; `environment` is the whole one of the server, which its libraries read."""
        self.address = address
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(_abstract(self.address.name))
            listening.listen(1024)
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "search.trial.fork_server", str(listening.fileno())),
                    warm_up,
                ],
                pass_fds=[listening.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End it, and with it every process that it has forked."""
        self._process.kill()
        self._process.wait()


# In a worker


class ForkedProcess:
    """A training process of the server, with what `subprocess.Popen` has of it; raises OSError where there is none."""

    def __init__(
        self,
        address: ForkServerAddress,
        environment: Mapping[str, str],
        sockets: tuple[socket.socket, socket.socket],
        output: int,
    ) -> None:
        """`sockets` are what it serves trials at: its pipe, and the hand of its worker."""
        self._code: int | None = None
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lifeline, theirs = socket.socketpair()
        try:
            self._server.settimeout(ANSWER_S)
            self._server.connect(_abstract(address.name))
            _check_owner(self._server)
            request = json.dumps({"environment": dict(environment), "folder": str(Path.cwd())}).encode()
            if len(request) > _REQUEST_BYTES:
                raise OSError("the environment is too large for a request")
            descriptors = [*(each.fileno() for each in sockets), output, theirs.fileno()]
            socket.send_fds(self._server, [request], descriptors)
            answer, descriptors, *_ = socket.recv_fds(self._server, 64, 1)
            if not descriptors:
                raise ConnectionResetError("the server has ended")
        except OSError:
            self._lifeline.close()
            self._server.close()
            raise
        finally:
            theirs.close()
        self.pid = int(answer)
        self._descriptor = descriptors[0]

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal; raises subprocess.TimeoutExpired."""
        if self._code is None:
            self._server.settimeout(timeout)
            try:
                said = self._server.recv(64)
            except TimeoutError:
                raise subprocess.TimeoutExpired("a training process", timeout or 0.0) from None
            except OSError:
                said = b""
            self._code = int(said) if said else -signal.SIGKILL  # It has ended with the server.
            os.close(self._descriptor)
            self._lifeline.close()
            self._server.close()
        return self._code

    def kill(self) -> None:
        """End it now."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


# The server


def main() -> None:
    """Fork until its parent ends; each forked process serves trials until its worker closes the pipe."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # As in the training processes.
    listening = socket.socket(fileno=int(sys.argv[1]))
    module, _, function = sys.argv[2].partition(":")
    getattr(importlib.import_module(module), function)()
    gc.freeze()  # What is there stays: no collection then touches, and so copies, the pages that all share.
    serve(*_Forks(listening).next_process())


class _Forks:
    """The processes that have been forked, each with the connection of its worker."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)

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
            _check_owner(connection)
            request, descriptors, *_ = socket.recv_fds(connection, _REQUEST_BYTES, 4)
            if len(descriptors) < 4:
                raise OSError("no request")
        except OSError:  # The worker has ended meanwhile.
            connection.close()
            _close(descriptors)
            return None
        server = os.getpid()
        pid = os.fork()
        if not pid:
            self._leave(connection)
            return _become(server, json.loads(request), descriptors)
        process = os.pidfd_open(pid)
        _close(descriptors)
        with contextlib.suppress(OSError):  # A worker that has ended takes the process along by its lifeline.
            socket.send_fds(connection, [str(pid).encode()], [process])
        self._selector.register(process, selectors.EVENT_READ, (pid, connection))
        return None

    def _tell_end(self, process: int, pid: int, connection: socket.socket) -> None:
        """Tell the worker how its process has ended."""
        self._selector.unregister(process)
        os.close(process)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError), connection:
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _leave(self, connection: socket.socket) -> None:
        """In a forked process: close what is the server's, so that nobody takes it for the server's end."""
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                os.close(key.fd)
                key.data[1].close()
        self._selector.close()
        self._listening.close()
        connection.close()


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


def _abstract(name: str) -> str:
    """A name in no folder: it is gone with the last that hold it, however they end (Linux)."""
    return f"\0{name}"


def _check_owner(connection: socket.socket) -> None:
    """Raise OSError where the other end is another user's."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if user != os.getuid():
        raise OSError("another user's process")


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    main()
