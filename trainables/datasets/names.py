"""Names of files: how they are shown, and which belong to a system rather than to its user."""

from __future__ import annotations

import os

Parts = tuple[str, ...]
"""The folders of a relative path and, last, the name of the file."""

_OF_SYSTEMS = frozenset(
    {
        "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
        "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information",  # Windows
        "@eadir", "#recycle", "#snapshot", "@tmp", "@synoresource", "@sharebin", "@appstore",  # Synology
        "@recycle", "@__thumb", "@recently-snapshot", "~snapshot", "lost+found",  # other network storage
        "picasa.ini",
    }
)  # fmt: skip
"""Names of thumbnails, indexes and waste that systems leave in folders, in lower case."""


def is_visible(parts: Parts) -> bool:
    """Return whether no part is hidden (a leading dot) or one that a system keeps for itself, such as `@eaDir`."""
    return bool(parts) and not any(part.startswith(".") or part.lower() in _OF_SYSTEMS for part in parts)


def shown(name: str) -> str:
    r"""Return the name as one line of printable text, with `caf\xe9.png` for a byte that is not UTF-8.

    Python holds such bytes as lone surrogates, which can neither be printed nor stored in a table.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if _is_of_bytes(name) else name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def is_text(name: str) -> bool:
    """Return whether the name can be printed and stored as it is."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _is_of_bytes(name: str) -> bool:
    """Return whether all lone surrogates of the name stand for bytes, as in names from a file system."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def reason(error: Exception) -> str:
    """Return in one short line why a file cannot be read."""
    text = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "") or type(error).__name__
    return shown(str(text))[:200]
