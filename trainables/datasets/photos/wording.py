"""How the content of a folder is told, and which layout is expected in its place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from trainables.datasets.names import Parts, shown

_OTHER_PHOTOS = frozenset({".heic", ".heif", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".jxl"})
"""Suffixes of photographs that Pillow does not read."""


def expected(where: str) -> str:
    """Return the layouts that are read."""
    return (
        f"Expected a folder for each class, as {where}/cat/1.jpg and {where}/dog/1.jpg, or the same inside "
        "train/ and val/ or test/. Move the images there."
    )


def hint(images: Collection[Parts]) -> str:
    """Return what the file names suggest when they begin with few words and a number: cat.0.jpg, dog.0.jpg."""
    words = Counter(found[1] for parts in images if (found := re.match(r"([A-Za-z]+)[._ -]*\(?\d", parts[-1])))
    names = sorted(words)
    return f" (their names suggest the classes {', '.join(names)})" if 2 <= len(names) <= 20 else ""


def told(others: Collection[Parts], hidden: Collection[Parts] = ()) -> str:
    """Return in brackets what a folder without images holds; `hidden` are the images that are passed over."""
    texts = [f"it holds {by_suffix(others)}"] if others else []
    if hidden:
        texts.append(f"{len(hidden):,} in hidden folders are passed over, as {shown('/'.join(min(hidden)))}")
    return f" ({'; '.join(texts)})" if texts else ""


def suffix(parts: Parts) -> str:
    """Return the suffix of the file, in lower case."""
    return PurePosixPath(parts[-1]).suffix.lower()


def by_suffix(others: Collection[Parts]) -> str:
    """Return how many files have which suffix, the first of each, and what to do with other kinds of photographs."""
    kinds = Counter(suffix(parts) for parts in others)
    first = {suffix(parts): "/".join(parts) for parts in sorted(others, reverse=True)}
    counted = [
        f"{count:,} {shown(kind) or 'without a suffix'} ({shown(first[kind])})" for kind, count in kinds.most_common(5)
    ]
    more = f" and {len(kinds) - 5} more kinds" if len(kinds) > 5 else ""
    advice = "; convert photographs to .jpg to have them read" if kinds.keys() & _OTHER_PHOTOS else ""
    advice += "; give images their suffix to have them read" if "" in kinds else ""
    return f"{', '.join(counted)}{more}{advice}"


def listed(names: Sequence[str]) -> str:
    """Return up to five names in quotation marks, and the number of the others."""
    text = ", ".join(f"'{shown(name)}'" for name in names[:5])
    return text if len(names) <= 5 else f"{text} and {len(names) - 5} more"
