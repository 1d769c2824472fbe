"""Which folders are splits, which are classes that are called like one, and which must be renamed to tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from trainables.datasets.names import Parts
from trainables.datasets.photos.wording import expected, listed
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError

_ROLE_WORDS = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
_LOOKS_LIKE_A_SPLIT = re.compile(r"(train|val|test)(ing|id|idation)?[-_ ]?\d*$", re.IGNORECASE)
_WORD_OF_A_SPLIT = re.compile(
    r"((?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?P<word>(?i:train|val|test)(ing|id|idation)?)(?![a-z])"
)
"""A split's word as a part of a longer name: `seg_train`, `train_images`, `TestSet`."""


def role_word(name: str) -> int | None:
    """Return the role that a folder of this name has where it is a split, or None."""
    return _ROLE_WORDS.get(name.lower())


def roles_of(tops: Collection[str], images: Collection[Parts], notes: list[str], where: str) -> dict[str, int]:
    """Return the role of each split's folder, by its name; empty when the outermost folders are classes.

    Raises TrainableError where splits stand beside other folders, or where all that tells them from classes is a
    part of their names.
    """
    roles = {top: role for top in sorted(tops) if (role := role_word(top)) is not None}
    others = sorted({parts[0] for parts in images if len(parts) > 1} - set(roles))
    _refuse_named_alike(others, where)
    splits = [*roles, *(other for other in others if _LOOKS_LIKE_A_SPLIT.match(other))]
    if not splits or (len(roles) == 1 and not others):  # A train/ alone is refused as the one class that it looks like.
        return {}
    if _is_a_class(splits, others, images):
        notes.append(f"{splits[0]}/ of {where} is taken as a class, as images lie directly in it beside other classes")
        return {}
    if TRAIN not in roles.values() or others or len(set(roles.values())) < len(roles):
        rename = f" If {listed(splits)} is a class, rename it, for example to '{splits[0]}_class'." if others else ""
        raise TrainableError(
            f"{where} holds {listed(sorted([*roles, *others]))}, which mixes splits with other folders. "
            f"{expected(where)}{rename}"
        )
    if TEST not in roles.values():
        roles = {top: TEST if role == VALIDATION else role for top, role in roles.items()}
    return roles


def splits_inside_classes(images: Collection[Parts]) -> bool:
    """Return whether every image lies in CLASS/SPLIT/..., as in cat/train/1.jpg and cat/test/1.jpg."""
    inner = {parts[1] if len(parts) > 2 else "" for parts in images}
    roles = {role_word(name) for name in inner}
    outer = {parts[0] for parts in images}
    return len(roles) > 1 and None not in roles and TRAIN in roles and not any(role_word(top) in roles for top in outer)


def outermost(parts: Parts) -> Parts:
    """Return a path CLASS/SPLIT/... as SPLIT/CLASS/...; one of a class alone says nothing then, and is empty."""
    return (parts[1], parts[0], *parts[2:]) if len(parts) > 1 else ()


def _refuse_named_alike(others: Sequence[str], where: str) -> None:
    """Raise TrainableError for folders whose names differ in the word of a split only: seg_train and seg_test."""
    words: dict[str, dict[str, int | None]] = {}
    for name in others:
        if found := _WORD_OF_A_SPLIT.search(name):
            rest = name[: found.start()] + name[found.end() :]
            words.setdefault(rest, {})[name] = role_word(found["word"])
    for names in words.values():
        if len(set(names.values())) > 1:
            raise TrainableError(
                f"{where} holds {listed(list(names))}, which are called like the splits of one data set and not like "
                f"classes. {expected(where)} Rename such folders, to 'train' and 'test', or as classes."
            )


def _is_a_class(splits: Sequence[str], others: Sequence[str], images: Collection[Parts]) -> bool:
    """Return whether the only folder named like a split is a class, such as `train` of vehicles, without inner folders.

    A test/ beside class folders is refused, since it might as well hold images whose class nobody wrote down.
    """
    return (
        len(splits) == 1
        and len(others) >= 2
        and role_word(splits[0]) == TRAIN
        and all(len(parts) == 2 for parts in images if parts[0] == splits[0])
    )
