"""A progress bar on the terminal while a data set is downloaded, checked or decoded for the first time."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress

_FIRST_S, _EVERY_S = 1.0, 0.1
"""Seconds before the first drawing, so that shorter work shows nothing, and seconds between two drawings."""


class Progress:
    """A progress bar on standard error, which is silent when that is not a terminal."""

    def __init__(self, what: str, total: int, unit: str = "images") -> None:
        self._done = 0
        self._bar = _bar(what, total, unit) if sys.stderr.isatty() else None
        self._next = time.monotonic() + _FIRST_S

    def __enter__(self) -> Progress:
        """Start the clock."""
        return self

    def advance(self) -> None:
        """Count one more item as done."""
        self._done += 1
        if self._bar is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            self._bar.start()
            self._draw(self._bar)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the bar's line, so that what comes next begins on a line of its own."""
        if self._bar is not None and self._bar.live.is_started:
            self._draw(self._bar)
            self._bar.stop()

    def _draw(self, bar: rich.progress.Progress) -> None:
        bar.update(bar.task_ids[0], completed=self._done, refresh=True)


def _bar(what: str, total: int, unit: str) -> rich.progress.Progress:
    # The import takes a tenth of a second, which training processes are spared: they write to no terminal.
    from rich.console import Console  # noqa: PLC0415  # as above
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415  # as above

    count = TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), count, console=Console(stderr=True), auto_refresh=False
    )
    bar.add_task(what, total=total)
    return bar
