"""A progress bar on the terminal while a data set is downloaded, checked or decoded for the first time."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_WIDTH = 30
_QUIET_S = 1.0
"""Work that is over sooner shows nothing."""


class Progress:
    """A line that is drawn over itself on standard error; silent when that is not a terminal."""

    def __init__(self, what: str, total: int, unit: str = "images") -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, 0
        self._shows = sys.stderr.isatty()
        self._next = time.monotonic() + _QUIET_S
        self._drawn = False

    def __enter__(self) -> Progress:
        """Start the clock."""
        return self

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        if self._shows and time.monotonic() >= self._next:
            self._next += 0.1
            self._draw()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a line of its own to what comes after."""
        if self._drawn:
            self._draw()
            sys.stderr.write("\n")

    def _draw(self) -> None:
        self._drawn = True
        filled = _WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "." * (_WIDTH - filled)
        sys.stderr.write(f"\r{self._what} [{bar}] {self._done:,} of {self._total:,} {self._unit}")
        sys.stderr.flush()
