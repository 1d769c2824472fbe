"""Finds classes and splits in the paths inside a folder or an archive, and refuses any other layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from trainables.datasets.containers.container import Listing
from trainables.datasets.names import Parts, is_visible, shown
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".avif"}
    | {".mpo", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2"}
)
_OTHER_PHOTOS = frozenset({".heic", ".heif", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".jxl"})
"""Suffixes of photographs that Pillow does not read."""
_ROLE_WORDS = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
_LOOKS_LIKE_A_SPLIT = re.compile(r"(train|val|test)(ing|id|idation)?[-_ ]?\d*$", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The images of a folder or an archive, in an order that depends only on their paths."""

    members: tuple[str, ...]
    """Paths as the folder or the archive has them."""
    paths: tuple[str, ...]
    """The same paths below the folders that wrap everything, so that a folder and an archive of it agree."""
    labels: tuple[int, ...]
    roles: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_layout(listing: Listing, where: str) -> Layout:
    """Return the classes: CLASS/..., or train/CLASS/... with val/ or test/ beside it, below any wrapping folders.

    A val/ without a test/ is the test set. A note counts the visible files in the folders whose names do not end like
    an image's. Raises TrainableError naming the expected layout for anything else.
    """
    seen = {member: parts for member in listing.files if is_visible(parts := PurePosixPath(member).parts)}
    images = {member: parts for member, parts in seen.items() if _suffix(parts) in IMAGE_SUFFIXES}
    others = [parts for member, parts in seen.items() if member not in images]
    if not images:
        raise TrainableError(f"no images in {where}{_told(others)}. {_expected(where)}")
    visible = {parts for folder in listing.folders if is_visible(parts := PurePosixPath(folder).parts)}
    visible |= {parts[:depth] for parts in images.values() for depth in range(1, len(parts))}
    depth = _wrapping(images.values(), visible)
    below = {member: parts[depth:] for member, parts in images.items()}
    inside = {parts[depth:] for parts in visible if len(parts) > depth}
    inner = [parts[depth:] for parts in others if len(parts) > depth + 1]
    found = _classes(below, inside, inner, where)
    told = [f"not read as images in {where}: {_by_suffix(inner)}"] if inner else []
    return replace(found, notes=(*listing.notes, *found.notes, *told))


def _suffix(parts: Parts) -> str:
    return PurePosixPath(parts[-1]).suffix.lower()


def _wrapping(images: Collection[Parts], folders: Collection[Parts]) -> int:
    """Return how many outer folders hold everything and are not a class, because below them there are folders again."""
    depth = 0
    while all(len(parts) >= depth + 3 for parts in images) and (
        len({parts[: depth + 1] for parts in folders if len(parts) > depth}) == 1
    ):
        depth += 1
    return depth


def _classes(images: dict[str, Parts], folders: Collection[Parts], others: Collection[Parts], where: str) -> Layout:
    """Return the layout of images whose paths begin with a class, or with a split and a class.

    `others` are the files that are not images.
    """
    notes: list[str] = []
    roles = _roles({parts[0] for parts in folders}, images.values(), notes, where)
    level = 1 if roles else 0
    placed = {member: parts for member, parts in images.items() if len(parts) > level + 1}
    if not placed or (level and {parts[0] for parts in images.values()} - {parts[0] for parts in placed.values()}):
        raise TrainableError(
            f"no class folders in {where}: {len(images) - len(placed):,} images lie directly in it or in its splits"
            f"{_hint(images.values())}. {_expected(where)}"
        )
    class_folders = {parts for parts in folders if len(parts) == level + 1}
    _check_none_empty(class_folders, {parts[: level + 1] for parts in placed.values()}, others, where)
    class_names = tuple(sorted({parts[level] for parts in placed.values()}))
    _check_number(class_names, placed.values(), where)
    if roles:
        _check_every_split(class_names, placed.values(), roles, where)
    order = sorted(placed, key=lambda member: placed[member])
    numbers = {name: number for number, name in enumerate(class_names)}
    return Layout(
        members=tuple(order),
        paths=tuple("/".join(placed[member]) for member in order),
        labels=tuple(numbers[placed[member][level]] for member in order),
        roles=tuple(roles[placed[member][0]] if roles else TRAIN for member in order),
        class_names=tuple(shown(name) for name in class_names),
        notes=(*notes, *_notes(len(images) - len(placed), roles, where)),
    )


def _roles(tops: Collection[str], images: Collection[Parts], notes: list[str], where: str) -> dict[str, int]:
    """Return the role of each split's folder; empty when the outermost folders are classes."""
    roles = {top: _ROLE_WORDS[top.lower()] for top in sorted(tops) if top.lower() in _ROLE_WORDS}
    others = sorted({parts[0] for parts in images if len(parts) > 1} - set(roles))
    splits = [*roles, *(other for other in others if _LOOKS_LIKE_A_SPLIT.match(other))]
    if not splits or (len(roles) == 1 and not others):  # A train/ alone is refused as the one class that it looks like.
        return {}
    if _is_a_class(splits, others, images):
        notes.append(f"{splits[0]}/ of {where} is taken as a class, as images lie directly in it beside other classes")
        return {}
    if TRAIN not in roles.values() or others or len(set(roles.values())) < len(roles):
        rename = f" If {_listed(splits)} is a class, rename it, for example to '{splits[0]}_class'." if others else ""
        raise TrainableError(
            f"{where} holds {_listed(sorted([*roles, *others]))}, which mixes splits with other folders. "
            f"{_expected(where)}{rename}"
        )
    if TEST not in roles.values():
        roles = {top: TEST if role == VALIDATION else role for top, role in roles.items()}
    return roles


def _is_a_class(splits: Sequence[str], others: Sequence[str], images: Collection[Parts]) -> bool:
    """Return whether the only folder named like a split is a class, such as `train` of vehicles, without inner folders.

    A test/ beside class folders is refused, since it might as well hold images whose class nobody wrote down.
    """
    return (
        len(splits) == 1
        and len(others) >= 2
        and _ROLE_WORDS.get(splits[0].lower()) == TRAIN
        and all(len(parts) == 2 for parts in images if parts[0] == splits[0])
    )


def _check_none_empty(folders: set[Parts], filled: set[Parts], others: Collection[Parts], where: str) -> None:
    empty = sorted(folders - filled)
    if empty:
        inside = [parts for parts in others if any(parts[: len(folder)] == folder for folder in empty)]
        raise TrainableError(
            f"class folder {_listed(['/'.join(folder) for folder in empty])} in {where} has no images"
            f"{_told(inside)}; expected files that end in {', '.join(sorted(IMAGE_SUFFIXES))} in every class. "
            "Add some, or remove the folder."
        )


def _check_number(class_names: Sequence[str], images: Collection[Parts], where: str) -> None:
    if len(class_names) < 2:
        raise TrainableError(
            f"one class found in {where}: '{shown(class_names[0])}' with {len(images):,} images{_hint(images)}. "
            f"{_expected(where)}"
        )


def _check_every_split(
    class_names: Sequence[str], images: Collection[Parts], roles: dict[str, int], where: str
) -> None:
    present = {parts[:2] for parts in images}
    for split in roles:
        missing = [name for name in class_names if (split, name) not in present]
        if missing:
            raise TrainableError(
                f"class {_listed(missing)} is missing from {split}/ in {where}; expected the same class folders in "
                f"{_listed(list(roles))}. Add images of it, or remove the class from the other splits."
            )


def _notes(num_loose: int, roles: dict[str, int], where: str) -> tuple[str, ...]:
    notes = []
    if num_loose:
        notes.append(f"{num_loose:,} images of {where} lie outside the class folders and are left out")
    for top, role in roles.items():
        if role == TEST and _ROLE_WORDS[top.lower()] == VALIDATION:
            notes.append(f"{top}/ of {where} is the test set; validation is taken from the training images")
    return tuple(notes)


def _expected(where: str) -> str:
    return (
        f"Expected a folder for each class, as {where}/cat/1.jpg and {where}/dog/1.jpg, or the same inside "
        "train/ and val/ or test/. Move the images there."
    )


def _hint(images: Collection[Parts]) -> str:
    """Return what the file names suggest when they begin with few words and a number: cat.0.jpg, dog.0.jpg."""
    words = Counter(found[1] for parts in images if (found := re.match(r"([A-Za-z]+)[._ -]*\(?\d", parts[-1])))
    names = sorted(words)
    return f" (their names suggest the classes {', '.join(names)})" if 2 <= len(names) <= 20 else ""


def _told(others: Collection[Parts]) -> str:
    return f" (it holds {_by_suffix(others)})" if others else ""


def _by_suffix(others: Collection[Parts]) -> str:
    """Return how many files have which suffix, the first of each, and what to do with other kinds of photographs."""
    kinds = Counter(_suffix(parts) for parts in others)
    first = {_suffix(parts): "/".join(parts) for parts in sorted(others, reverse=True)}
    counted = [
        f"{count:,} {shown(kind) or 'without a suffix'} ({shown(first[kind])})" for kind, count in kinds.most_common(5)
    ]
    more = f" and {len(kinds) - 5} more kinds" if len(kinds) > 5 else ""
    advice = "; convert photographs to .jpg to have them read" if kinds.keys() & _OTHER_PHOTOS else ""
    advice += "; give images their suffix to have them read" if "" in kinds else ""
    return f"{', '.join(counted)}{more}{advice}"


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(f"'{shown(name)}'" for name in names[:5])
    return text if len(names) <= 5 else f"{text} and {len(names) - 5} more"
