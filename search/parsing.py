"""How commands read their words: what is wrong is said in one line, and a shell may ask how a line goes on."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from typing import NoReturn

from search.errors import SearchError

_ASKED = "_ARGCOMPLETE"
"""The variable by which argcomplete's shell code runs a command that is to say only what may follow."""


class Parser(argparse.ArgumentParser):
    """A parser that raises SearchError, so that what is wrong is said in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise SearchError with the message and where help is."""
        raise SearchError(f"{message}. See `{self.prog} --help`.")


def answer_shell(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser; where a shell asked how its words may go on, say so by argcomplete and end the process."""
    if _ASKED in os.environ:
        if importlib.util.find_spec("argcomplete") is None:
            sys.exit(1)  # The words are not finished, and nothing may be done by them.
        import argcomplete  # noqa: PLC0415  # is an extra

        argcomplete.autocomplete(parser)
    return parser
