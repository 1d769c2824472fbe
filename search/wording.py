"""Writes numbers, configurations and near misses of a name as a reader would say them."""

from __future__ import annotations

import difflib
import os
import re
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path


def did_you_mean(name: object, known: Iterable[str], prefix: str = "") -> str:
    """Return a sentence with the known names near to `name`, or with all where none is near; each behind `prefix`.

    `trainables.wording` says the same in the same words, for neither package may import the other.
    """
    names = sorted(known)
    near = [prefix + other for other in near_names(name, names)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Expected one of: {', '.join(prefix + other for other in names)}." if names else "There is none."


def near_names(name: object, known: Iterable[str]) -> list[str]:
    """The known names that are near to `name`, the nearest first."""
    return difflib.get_close_matches(str(name), sorted(known), n=3)


def one_line(said: object) -> str:
    """What an error says, on one line and without a terminal's colours; `trainables.wording` has it too."""
    return " ".join(without_colours(str(said)).split())


def without_colours(text: str) -> str:
    """The text without what tells a terminal to change colours, to move or to clear, as Keras and Ray write it."""
    return _TO_TERMINALS.sub("", text)


def error_text(error: BaseException) -> str:
    """An error of a user's own code on one line: its kind, what it says, and the name that was meant."""
    text = f"{type(error).__name__}: {one_line(error)}".rstrip(": ")
    if not isinstance(error, AttributeError) or not error.name or error.obj is None:
        return text
    near = difflib.get_close_matches(error.name, dir(error.obj), n=1)
    return f"{text}. Did you mean {near[0]}?" if near else text


def users_line(error: BaseException, *files: str) -> str | None:
    """`FILE, line N` of the innermost line of a user's own code in an error; `files`: of these files only."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        others = frame.filename.startswith((*_INSTALLED, "<")) or "site-packages" in frame.filename
        if frame.filename in files or (not files and not others):
            return f"{frame.filename}, line {frame.lineno}"
    return None


def place_of(function: object) -> str:
    """Return file and line where a function begins, as far as they are known."""
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else "the function"


_TO_TERMINALS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_INSTALLED = (str(Path(__file__).parent) + os.sep, sysconfig.get_paths()["stdlib"])


def size_text(size: int) -> str:
    """Return a number of bytes in a unit of its size."""
    return f"{size / 2**20:.1f} MiB" if size >= 1 << 20 else f"{size / 2**10:.0f} KiB"


def show_config(config: Mapping[str, object]) -> str:
    """Return a configuration on one line, long values cut."""
    return ", ".join(f"{name}={shorten(show_value(value), 60)}" for name, value in config.items())


def shorten(text: str, length: int = 40) -> str:
    """Return a text cut in its middle where it is longer than that."""
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-(length // 2) :]}"


def show_value(value: object) -> str:
    """Return a value as text, a float with four digits, one that is a whole number below a billion with all of them."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def show_metric(value: float) -> str:
    """Return a metric as text, with four decimals, so that columns keep their width, or four digits of a small one."""
    return f"{value:.4f}" if value == 0 or not abs(value) < 0.01 else f"{value:.4g}"


def show_seconds(seconds: float) -> str:
    """Return a time span in seconds, minutes or hours, whichever is best to read."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: float, noun: str) -> str:
    """Return a number and its noun, like 1 trial or 2 trials."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
