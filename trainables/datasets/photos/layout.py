"""Finds classes and splits in the paths inside a folder or an archive, and refuses any other layout."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from trainables.datasets.containers.container import Listing
from trainables.datasets.names import Parts, is_visible, shown
from trainables.datasets.photos.roles import outermost, role_word, roles_of, splits_inside_classes
from trainables.datasets.photos.wording import by_suffix, expected, hint, listed, suffix, told
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".avif"}
    | {".mpo", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2"}
)


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

    CLASS/train/... in every class is read like train/CLASS/... . A val/ without a test/ is the test set. A note counts
    the visible files in the folders whose names do not end like an image's. Raises TrainableError naming the expected
    layout for anything else.
    """
    files = {member: PurePosixPath(member).parts for member in listing.files}
    seen = {member: parts for member, parts in files.items() if is_visible(parts)}
    images = {member: parts for member, parts in seen.items() if suffix(parts) in IMAGE_SUFFIXES}
    others = [parts for member, parts in seen.items() if member not in images]
    if not images:
        hidden = [parts for member, parts in files.items() if member not in seen and suffix(parts) in IMAGE_SUFFIXES]
        raise TrainableError(f"no images in {where}{told(others, hidden)}. {expected(where)}")
    visible = {parts for folder in listing.folders if is_visible(parts := PurePosixPath(folder).parts)}
    visible |= {parts[:depth] for parts in images.values() for depth in range(1, len(parts))}
    depth = _wrapping(images.values(), visible)
    inner = [parts[depth:] for parts in others if len(parts) > depth + 1]
    found = _classes(_Tree(images, visible, others).mapped(lambda parts: parts[depth:]), where)
    unread = [f"not read as images in {where}: {by_suffix(inner)}"] if inner else []
    return replace(found, notes=(*listing.notes, *found.notes, *unread))


@dataclass(frozen=True)
class _Tree:
    """The paths below one folder."""

    images: dict[str, Parts]
    folders: Collection[Parts]
    others: Collection[Parts]
    """Files that are not images."""

    def mapped(self, change: Callable[[Parts], Parts]) -> _Tree:
        """Return the tree of changed paths; one that becomes empty is left out."""
        images = {member: change(parts) for member, parts in self.images.items()}
        return _Tree(images, {change(parts) for parts in self.folders} - {()}, [change(parts) for parts in self.others])


def _wrapping(images: Collection[Parts], folders: Collection[Parts]) -> int:
    """Return how many outer folders hold everything and are not a class, because below them there are folders again."""
    depth = 0
    while all(len(parts) >= depth + 3 for parts in images) and (
        len({parts[: depth + 1] for parts in folders if len(parts) > depth}) == 1
    ):
        depth += 1
    return depth


def _classes(tree: _Tree, where: str) -> Layout:
    """Return the layout of images whose paths begin with a class, or with a split and a class."""
    notes: list[str] = []
    if splits_inside_classes(tree.images.values()):
        tree = tree.mapped(outermost)
        notes.append(
            f"the folders {listed(sorted({p[0] for p in tree.folders}))} inside each class of {where} are splits"
        )
    roles = roles_of({parts[0] for parts in tree.folders}, tree.images.values(), notes, where)
    for split in roles:
        tree = tree.mapped(_without_wrapping(tree, split))
    images, level = tree.images, 1 if roles else 0
    placed = {member: parts for member, parts in images.items() if len(parts) > level + 1}
    if not placed or (level and {parts[0] for parts in images.values()} - {parts[0] for parts in placed.values()}):
        raise TrainableError(
            f"no class folders in {where}: {len(images) - len(placed):,} images lie directly in it or in its splits"
            f"{hint(images.values())}. {expected(where)}"
        )
    class_folders = {parts for parts in tree.folders if len(parts) == level + 1}
    _check_none_empty(class_folders, {parts[: level + 1] for parts in placed.values()}, tree.others, where)
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
        notes=(
            *notes,
            *_notes(class_names, len(images) - len(placed), roles, where),
            *_same_folders([parts[level:] for parts in placed.values()], where),
        ),
    )


def _without_wrapping(tree: _Tree, split: str) -> Callable[[Parts], Parts]:
    """Return the change that takes the folders away which wrap all classes of a split, as in train/train/cat/1.jpg."""
    images, folders = (
        [parts[1:] for parts in all_ if parts[0] == split] for all_ in (tree.images.values(), tree.folders)
    )
    depth = _wrapping(images, folders) if images else 0
    return lambda parts: (split, *parts[1 + depth :]) if depth and parts[0] == split else parts


def _check_none_empty(folders: set[Parts], filled: set[Parts], others: Collection[Parts], where: str) -> None:
    empty = sorted(folders - filled)
    if empty:
        inside = [parts for parts in others if any(parts[: len(folder)] == folder for folder in empty)]
        raise TrainableError(
            f"class folder {listed(['/'.join(folder) for folder in empty])} in {where} has no images"
            f"{told(inside)}; expected files that end in {', '.join(sorted(IMAGE_SUFFIXES))} in every class. "
            "Add some, or remove the folder."
        )


def _check_number(class_names: Sequence[str], images: Collection[Parts], where: str) -> None:
    if len(class_names) < 2:
        raise TrainableError(
            f"one class found in {where}: '{shown(class_names[0])}' with {len(images):,} images{hint(images)}. "
            f"{expected(where)}"
        )


def _check_every_split(
    class_names: Sequence[str], images: Collection[Parts], roles: dict[str, int], where: str
) -> None:
    present = {parts[:2] for parts in images}
    for split in roles:
        missing = [name for name in class_names if (split, name) not in present]
        if missing:
            alike = "; ".join(_alike(class_names))
            raise TrainableError(
                f"class {listed(missing)} is missing from {split}/ in {where}"
                f"{f' ({alike})' if alike else ''}; expected the same class folders in {listed(list(roles))}. "
                "Add images of it, or remove the class from the other splits."
            )


def _notes(class_names: Sequence[str], num_loose: int, roles: dict[str, int], where: str) -> tuple[str, ...]:
    notes = [f"{text}: two classes of {where}, unless one is renamed" for text in _alike(class_names)]
    if num_loose:
        notes.append(f"{num_loose:,} images of {where} lie outside the class folders and are left out")
    for top, role in roles.items():
        if role == TEST and role_word(top) == VALIDATION:
            notes.append(f"{top}/ of {where} is the test set; validation is taken from the training images")
    return tuple(notes)


def _same_folders(images: Collection[Parts], where: str) -> list[str]:
    """Return a note where all images lie in the same folders inside each class, which may then be the classes.

    Such are years or places with the same classes in each. `images` are paths from their class on.
    """
    inside: dict[str, set[str]] = {}
    for parts in images:
        inside.setdefault(parts[0], set()).add(parts[1] if len(parts) > 2 else "")
    first, *others = inside.values()
    if len(first) < 2 or "" in first or any(names != first for names in others):
        return []
    return [
        f"each class of {where} holds the folders {listed(sorted(first))}, which are not told apart: the classes are "
        f"{listed(sorted(inside))}"
    ]


def _alike(class_names: Sequence[str]) -> list[str]:
    """Return a text for each pair of names that a reader takes for one.

    They differ in capitals, in blanks at their ends, or in how a letter is composed, as macOS and Linux do it.
    """
    texts: list[str] = []
    first: dict[str, str] = {}
    for name in class_names:
        plain = unicodedata.normalize("NFC", name).casefold().strip()
        if plain in first:
            texts.append(f"{first[plain]!a} and {name!a} differ in capitals, blanks or accents only")
        first.setdefault(plain, name)
    return texts
