"""How a search tells its user anything: results, warnings and errors always, remarks and progress unless --quiet."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, TextIO

from rich import console
from rich.console import RenderableType

_WIDTH = 160
"""Columns where standard output is no terminal, so that tables keep theirs."""


class Console:
    """Standard output, and standard error for errors; `quiet` leaves out what is not part of the result."""

    def __init__(self, quiet: bool = False, screen: console.Console | None = None) -> None:
        """Write to `screen`, by default to standard output."""
        self.quiet = quiet
        self.screen = screen or _standard_output()

    def result(self, what: RenderableType, style: str | None = None) -> None:
        """Print a line, or a table, of what was asked for."""
        if isinstance(what, str):
            self.screen.print(what, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            self.screen.print(what)

    def note(self, line: str, style: str | None = None) -> None:
        """Print a remark or the progress of the search, unless the user wants neither."""
        if not self.quiet:
            self.result(line, style)

    def warning(self, line: str) -> None:
        """Print what makes the results other than was asked, or than the user may think."""
        self.result(line, "bold yellow")

    def error(self, message: str) -> None:
        """Print to standard error, in one line, why the search cannot go on."""
        with suppress(OSError):  # Nobody reads any more.
            print(" ".join(message.split("\n")), file=sys.stderr)


class _Unread:
    """A stream whose reader may go, the next command of a pipe or a terminal: what comes then is dropped.

    A search is worth more than its lines, which only say what its folder holds; rich would end the process.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, if anybody is there."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        """What else a stream has, such as whether it is a terminal."""
        return getattr(self._stream, name)


def _standard_output() -> console.Console:
    stream: Any = _Unread(sys.stdout) if sys.stdout is not None else None
    screen = as_written(file=stream)
    return screen if screen.is_terminal else as_written(file=stream, width=_WIDTH)


def as_written(**options: Any) -> console.Console:
    """Return a screen of rich on which brackets and colons in names and values are no markup."""
    return console.Console(markup=False, emoji=False, highlight=False, **options)
