"""Names the known words that are near to one that nobody knows, and writes what an error says on one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str], more: tuple[str, ...] = ()) -> str:
    """Return a sentence with the known names near to `name`, or, where none is near, with all names and `more`.

    `search.wording` says the same in the same words, for neither package may import the other.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Expected one of: {', '.join([*names, *more])}."


def one_line(said: object) -> str:
    """What an error says, on one line and without a terminal's colours, which Keras writes."""
    return " ".join(_TO_TERMINALS.sub("", str(said)).split())


_TO_TERMINALS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
