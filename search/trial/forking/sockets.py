"""The socket at which workers find the fork server of their node, and what is said over it."""

from __future__ import annotations

import os
import socket
import struct

REQUEST_BYTES = 1 << 17
"""A request holds an environment and a folder; one that is longer is not sent."""


def abstract(name: str) -> str:
    """A name in no folder: it is gone with the last that hold it, however they end (Linux)."""
    return f"\0{name}"


def check_owner(connection: socket.socket) -> None:
    """Raise OSError where the other end is another user's."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if user != os.getuid():
        raise OSError("another user's process")
