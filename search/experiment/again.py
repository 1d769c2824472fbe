"""How the command of a search is written so that it can be run again: in a shell, or from Python."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from search.space.values import literal

GIVEN = "SPACE"
"""What stands in a command, in the manifest, for a space that Python gave as an object."""


def runnable(words: Sequence[str]) -> str:
    """Return what runs a command: a line for a shell, or a call where Python gave its space as an object, as `space`.

    A call's words are those of `search.keywords`, which writes each option and its value apart.
    """
    if words[0] != GIVEN:
        return shlex.join(["python", "-m", "search.run", *words])
    given = "".join(f", {name}={value!r}" for name, value in _keywords(words[1:]).items())
    return f"run_search(space{given})"


def under_another_name(words: Sequence[str], name: str = "ANOTHER") -> list[str]:
    """Return the words of a command that searches the same again, beside the experiment that has its name."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in ("--name", "--resume") and not word.startswith("--name="):
            kept.append(word)
        skip = word == "--name"
    return [*kept, "--name", name]


def _keywords(words: Sequence[str]) -> dict[str, object]:
    """Return options as keyword arguments; one that is given several times has a list."""
    found: dict[str, list[object]] = {}
    pins: dict[str, object] = {}
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else "--"
        if word == "--set":
            pin, _, text = following.partition("=")
            pins[pin] = literal(text)
        elif word.startswith("--"):
            found.setdefault(word.removeprefix("--").replace("-", "_"), []).append(_value(following))
    given = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    return {**({"set": pins} if pins else {}), **given}


def _value(word: str) -> object:
    """Return what an option has; a switch, which another option or nothing follows, is on."""
    if word.startswith("--"):
        return True
    return int(word) if word.isdecimal() and str(int(word)) == word else word
