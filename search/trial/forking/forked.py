"""A forked training process, as its worker holds it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from search.trial.forking.sockets import REQUEST_BYTES, abstract, check_owner
from search.trial.messages import ForkServerAddress

ANSWER_S = 60.0
"""How long a worker waits for its process: the server may still be importing."""


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
            self._server.connect(abstract(address.name))
            check_owner(self._server)
            request = json.dumps({"environment": dict(environment), "folder": str(Path.cwd())}).encode()
            if len(request) > REQUEST_BYTES:
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
