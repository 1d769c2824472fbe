"""Names the known words that are near to one that nobody knows."""

from __future__ import annotations

import difflib
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
