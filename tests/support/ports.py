"""Ports of this machine for servers that tests start."""

from __future__ import annotations

import socket
import time

PATIENCE_S = 30.0


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
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
