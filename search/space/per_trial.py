"""The cores and GPUs of a trial: numbers, or tables of them by condition, so that a large network may ask for more."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import SearchError
from search.space.parameters import Conditions, conditions
from search.space.values import same

PerTrial = Any
"""What a space file gives: a number, or [(when, number), ..., number], where the first condition that holds counts."""

Values = Callable[[str], Sequence[object] | None]
"""Name of a setting -> the values that it may take, None where they are not known or too many."""

_OTHER = object()


@dataclass(frozen=True, order=True)
class Shape:
    """The cores and GPUs that one trial is given."""

    cpus: float
    gpus: float

    def describe(self) -> str:
        """In words."""
        gpus = f" and {self.gpus:g} GPU{'' if self.gpus <= 1 else 's'}" if self.gpus else ""
        return f"{self.cpus:g} CPU{'' if self.cpus <= 1 else 's'}{gpus}"

    def with_whole_gpu(self) -> Shape | None:
        """The shape with a whole GPU in place of a share of one; None where it has no share."""
        return Shape(self.cpus, 1.0) if 0 < self.gpus < 1 else None


@dataclass(frozen=True)
class Amounts:
    """How much of something a trial is given, by its configuration."""

    cases: tuple[tuple[Conditions, float], ...]
    rest: float

    def of(self, config: Mapping[str, object]) -> float:
        """Return the number of the first case whose condition holds for a configuration."""
        for when, number in self.cases:
            if all(name in config and _is_one_of(config[name], wanted) for name, wanted in when.items()):
                return number
        return self.rest

    def possible(self, values: Values) -> Amounts:
        """Return the amounts without the cases that can never hold."""
        kept = tuple((when, number) for when, number in self.cases if not any(_impossible(when, values)))
        return Amounts(kept, self.rest)

    def as_given(self) -> PerTrial:
        """Return what a space file would give: the number alone, or the table."""
        return (*self.cases, self.rest) if self.cases else self.rest

    def describe(self) -> str:
        """In words."""
        cases = [f"{number:g} where {_words(when)}" for when, number in self.cases]
        return ", ".join([*cases, f"{self.rest:g} {'else' if cases else ''}".strip()])


def _is_one_of(value: object, wanted: Sequence[object]) -> bool:
    return any(same(value, option) for option in wanted)


def _words(when: Conditions) -> str:
    return " and ".join(f"{name} is {' or '.join(map(str, wanted))}" for name, wanted in when.items())


def _impossible(when: Conditions, values: Values) -> list[str]:
    """Return the names in a condition that can have none of the values it asks for."""
    known = {name: values(name) for name in when}
    return [name for name, v in known.items() if v is not None and not any(_is_one_of(w, v) for w in when[name])]


def amounts(name: str, given: PerTrial, least: float) -> Amounts:
    """Read what a space file gives; raises SearchError for what is neither a number nor a table of numbers."""
    if isinstance(given, (int, float)):
        return Amounts((), _number(name, given, least))
    if not isinstance(given, (list, tuple)) or not given:
        raise SearchError(
            f"{name}={given!r}; expected a number of at least {least}, or a table by condition like "
            "[({'network': 'vgg16'}, 1), 0.25]."
        )
    *cases, rest = given
    if not isinstance(rest, (int, float)):
        raise SearchError(f"{name} ends in {rest!r}; expected a number there, for all other configurations.")
    read = []
    for case in cases:
        if not isinstance(case, (list, tuple)) or len(case) != 2:
            raise SearchError(f"{name} has the entry {case!r}; expected a pair (when, number).")
        when, number = case
        read.append((conditions(when), _number(name, number, least)))
    return Amounts(tuple(read), _number(name, rest, least))


def _number(name: str, value: object, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < least:
        raise SearchError(f"{name}={value!r}; expected a number of at least {least}.")
    return value


def check_conditions(name: str, read: Amounts, values: Values) -> None:
    """Raise SearchError naming a condition that can never hold."""
    for when, _ in read.cases:
        for parent in _impossible(when, values):
            known = ", ".join(map(repr, list(values(parent) or ())[:12])) or "no setting of the space"
            raise SearchError(
                f"{name} has the condition {{{parent!r}: {when[parent]!r}}}, which can never hold; {parent!r} is "
                f"{'one of ' if values(parent) else ''}{known}."
            )


def shapes(cpus: Amounts, gpus: Amounts, values: Values) -> tuple[Shape, ...]:
    """Return all shapes that a trial may be given, the largest first."""
    mentioned: dict[str, list[object]] = {}
    for when, _ in (*cpus.cases, *gpus.cases):
        for name, wanted in when.items():
            mentioned.setdefault(name, []).extend(wanted)
    options = []
    for name, wanted in mentioned.items():
        possible = values(name)
        left = list(wanted) if possible is None else [w for w in wanted if _is_one_of(w, possible)]
        others = possible is None or any(not _is_one_of(value, wanted) for value in possible)
        options.append([*left, _OTHER] if others or not left else left)
    configs = (dict(zip(mentioned, chosen, strict=True)) for chosen in itertools.product(*options))
    found = {Shape(cpus.of(config), gpus.of(config)) for config in configs}
    return tuple(sorted(found, key=lambda shape: (-shape.gpus, -shape.cpus)))
