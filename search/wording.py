"""Numbers, configurations and near misses of a name as a reader says them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def did_you_mean(name: object, known: Iterable[str], prefix: str = "") -> str:
    """A sentence with the known names that are near to `name`, with all of them where none is; each behind `prefix`.

    `trainables.wording` says the same in the same words, for neither package may import the other.
    """
    names = sorted(known)
    near = [prefix + other for other in difflib.get_close_matches(str(name), names, n=3)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Expected one of: {', '.join(prefix + other for other in names)}." if names else "There is none."


def size_text(size: int) -> str:
    """A number of bytes as a reader says it."""
    return f"{size / 2**20:.1f} MiB" if size >= 1 << 20 else f"{size / 2**10:.0f} KiB"


def show_config(config: Mapping[str, object]) -> str:
    """A configuration on one line."""
    return ", ".join(f"{name}={show_value(value)}" for name, value in config.items())


def show_value(value: object) -> str:
    """A value in as few digits as tell it apart."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_seconds(seconds: float) -> str:
    """A time span as a reader says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: float, noun: str) -> str:
    """A number and its noun: 1 trial, 2 trials."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
