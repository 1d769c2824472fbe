"""Ports of this machine for servers that tests start."""

from __future__ import annotations

import random
import socket
import time

PATIENCE_S = 30.0


_OURS = range(20_000, 32_000)
"""Ports that neither Linux gives to connections as their own end, nor Ray to its workers.

Until a server listens at it, a port of Linux' own choice may be another connection's, or answer to itself.
"""


def free_port() -> int:
    """One that nobody listens at."""
    while True:
        port = random.SystemRandom().choice(_OURS)
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", port)) != 0:
                return port


def wait_for_port(port: int) -> None:
    """Until somebody answers at it; raises TimeoutError after 30 s."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody answers at port {port} within {PATIENCE_S:.0f} s")
