"""How a search tells its user anything: results, warnings and errors always, remarks and progress unless --quiet."""

from __future__ import annotations

import sys

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
        print(" ".join(message.split("\n")), file=sys.stderr)


def _standard_output() -> console.Console:
    screen = console.Console()
    return screen if screen.is_terminal else console.Console(width=_WIDTH)
