"""Writes numbers, configurations and near misses of a name as a reader would say them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def did_you_mean(name: object, known: Iterable[str], prefix: str = "") -> str:
    """Return a sentence with the known names near to `name`, or with all where none is near; each behind `prefix`.

    `trainables.wording` says the same in the same words, for neither package may import the other.
    """
    names = sorted(known)
    near = [prefix + other for other in difflib.get_close_matches(str(name), names, n=3)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Expected one of: {', '.join(prefix + other for other in names)}." if names else "There is none."


def size_text(size: int) -> str:
    """Return a number of bytes in a unit of its size."""
    return f"{size / 2**20:.1f} MiB" if size >= 1 << 20 else f"{size / 2**10:.0f} KiB"


def show_config(config: Mapping[str, object]) -> str:
    """Return a configuration on one line."""
    return ", ".join(f"{name}={show_value(value)}" for name, value in config.items())


def show_value(value: object) -> str:
    """Return a value as text, a float with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_seconds(seconds: float) -> str:
    """Return a time span in seconds, minutes or hours, whichever is best to read."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: float, noun: str) -> str:
    """Return a number and its noun, like 1 trial or 2 trials."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
