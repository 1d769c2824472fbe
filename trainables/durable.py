"""Makes files and folders appear whole or not at all, even after a power cut: they are filled, flushed and renamed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_MANY = 100
"""Number of files from which on one flush of the whole system takes less time than one for each file."""


def put_in_place(partial: Path, target: Path) -> None:
    """Flush what was written at `partial`, a file or a folder, and rename it to `target`."""
    within = list(partial.rglob("*")) if partial.is_dir() else []
    if len(within) < _MANY:
        for path in (*within, partial):
            _flush(path)
    else:
        os.sync()
    partial.rename(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Some file systems cannot flush a folder, and need not.
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
