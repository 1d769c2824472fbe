"""From the paths inside a folder or an archive to classes and splits, and the refusal of what is no such layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
_ROLE_WORDS = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
_LOOKS_LIKE_A_SPLIT = re.compile(r"(train|val|test)(ing|id|idation)?[-_ ]?\d*$", re.IGNORECASE)

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The images of a folder or an archive, in an order that depends on their paths only."""

    members: tuple[str, ...]
    """Paths as the folder or the archive has them."""
    paths: tuple[str, ...]
    """The same below the folders that wrap everything, so that a folder and an archive of it agree."""
    labels: tuple[int, ...]
    roles: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_layout(files: Iterable[str], folders: Iterable[str], where: str) -> Layout:
    """Find the classes: CLASS/..., or train/CLASS/... with val/ or test/ beside it, below any wrapping folders.

    A val/ without a test/ is the test set. Raises TrainableError naming the expected layout for anything else.
    """
    images = {member: parts for member in files if is_image(parts := PurePosixPath(member).parts)}
    if not images:
        raise TrainableError(f"no images in {where}. {_expected(where)}")
    visible = {parts for folder in folders if is_visible(parts := PurePosixPath(folder).parts)}
    visible |= {parts[:depth] for parts in images.values() for depth in range(1, len(parts))}
    depth = _wrapping(images.values(), visible)
    below = {member: parts[depth:] for member, parts in images.items()}
    inside = {parts[depth:] for parts in visible if len(parts) > depth}
    return _classes(below, inside, where)


def is_visible(parts: Parts) -> bool:
    """Whether no part is hidden (a leading dot) or an archiver's own."""
    return bool(parts) and not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def is_image(parts: Parts) -> bool:
    """Whether the path is visible and ends like an image."""
    return is_visible(parts) and PurePosixPath(parts[-1]).suffix.lower() in IMAGE_SUFFIXES


def _wrapping(images: Collection[Parts], folders: Collection[Parts]) -> int:
    """How many outer folders hold everything and are no class: below them there are folders again."""
    depth = 0
    while all(len(parts) >= depth + 3 for parts in images) and (
        len({parts[: depth + 1] for parts in folders if len(parts) > depth}) == 1
    ):
        depth += 1
    return depth


def _classes(images: dict[str, Parts], folders: Collection[Parts], where: str) -> Layout:
    """The layout of images whose paths begin with a class, or with a split and a class."""
    roles = _roles({parts[0] for parts in folders}, images.values(), where)
    level = 1 if roles else 0
    placed = {member: parts for member, parts in images.items() if len(parts) > level + 1}
    _check_class_folders(placed.values(), {parts for parts in folders if len(parts) == level + 1}, level, where, images)
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
        class_names=class_names,
        notes=_notes(len(images) - len(placed), roles, where),
    )


def _roles(tops: Collection[str], images: Collection[Parts], where: str) -> dict[str, int]:
    """Folder of a split -> its role; empty when the outermost folders are classes."""
    roles = {top: _ROLE_WORDS[top.lower()] for top in sorted(tops) if top.lower() in _ROLE_WORDS}
    others = sorted({parts[0] for parts in images if len(parts) > 1} - set(roles))
    splits = [*roles, *(other for other in others if _LOOKS_LIKE_A_SPLIT.match(other))]
    if not splits or (len(roles) == 1 and not others):  # train/ alone is refused as the one class that it looks like
        return {}
    if TRAIN not in roles.values() or others or len(set(roles.values())) < len(roles):
        raise TrainableError(
            f"{where} holds {_listed(sorted([*roles, *others]))}, which mixes splits with other folders. "
            f"{_expected(where)}"
        )
    if TEST not in roles.values():
        roles = {top: TEST if role == VALIDATION else role for top, role in roles.items()}
    return roles


def _check_class_folders(
    placed: Collection[Parts], folders: set[Parts], level: int, where: str, images: dict[str, Parts]
) -> None:
    """Refuse splits without class folders, and class folders without images."""
    if not placed or (level and {parts[0] for parts in images.values()} - {parts[0] for parts in placed}):
        raise TrainableError(
            f"no class folders in {where}: {len(images) - len(placed):,} images lie directly in it or in its splits"
            f"{_hint(images.values())}. {_expected(where)}"
        )
    empty = sorted("/".join(folder) for folder in folders - {parts[: level + 1] for parts in placed})
    if empty:
        raise TrainableError(
            f"class folder {_listed(empty)} in {where} has no images ({', '.join(sorted(IMAGE_SUFFIXES))}); "
            "expected images in every class. Add some, or remove the folder."
        )


def _check_number(class_names: Sequence[str], images: Collection[Parts], where: str) -> None:
    if len(class_names) < 2:
        raise TrainableError(
            f"one class found in {where}: '{class_names[0]}' with {len(images):,} images{_hint(images)}. "
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
    """What the file names suggest when they begin with a few different words and a number: cat.0.jpg, dog.0.jpg."""
    words = Counter(found[1] for parts in images if (found := re.match(r"([A-Za-z]+)[._ -]*\(?\d", parts[-1])))
    names = sorted(words)
    return f" (their names suggest the classes {', '.join(names)})" if 2 <= len(names) <= 20 else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
