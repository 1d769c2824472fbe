"""Conditions of declared parameters among each other: whether each can hold, and parents in front of children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.errors import SearchError
from search.space.parameters import Parameter
from search.space.values import same
from search.wording import did_you_mean

Parameters = Mapping[str, Parameter]
Settings = Mapping[str, object]


def check_when(parameters: Parameters, fixed: Settings) -> None:
    """Raise SearchError for a condition on something unknown or continuous, and for one that can never hold."""
    for name in parameters:
        _check(name, parameters, fixed)


def parents_first(parameters: Parameters, fixed: Settings) -> dict[str, Parameter]:
    """Return the parameters with parents before children, else in the order given."""
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while waiting:
        for name, parameter in list(waiting.items()):
            if all(parent in ordered or parent in fixed for parent in parameter.when):
                ordered[name] = waiting.pop(name)
    return ordered


def _check(name: str, parameters: Parameters, fixed: Settings) -> None:
    for parent, wanted in parameters[name].when.items():
        known = {**parameters, **fixed}
        if parent not in known:
            raise SearchError(
                f"parameter {name!r} has when={{{parent!r}: ...}}, but no parameter has that name. "
                + did_you_mean(parent, [other for other in known if other != name])
            )
        possible = _possible(parent, parameters, fixed)
        if possible is None:
            raise SearchError(
                f"parameter {name!r} depends on {parent!r}, a continuous range; expected a Choice, an Int or a Float "
                "with a step."
            )
        for value in wanted:
            if not any(same(value, option) for option in possible):
                raise SearchError(
                    f"parameter {name!r} has when={{{parent!r}: {value!r}}}, which can never hold; "
                    f"{parent!r} is one of {', '.join(map(repr, possible[:12]))}."
                )
    if not _can_hold(name, parameters):
        raise SearchError(f"the condition of parameter {name!r} can never hold together with its parents' own.")


def _possible(name: str, parameters: Parameters, fixed: Settings) -> Sequence[object] | None:
    return (fixed[name],) if name in fixed else parameters[name].values()


def _can_hold(name: str, parameters: Parameters) -> bool:
    """Return whether the conditions of a parameter and its ancestors leave each name a value; raises on a cycle."""
    allowed: dict[str, tuple[object, ...]] = {}
    open_names, seen = [name], {name}
    while open_names:
        current = open_names.pop()
        if current not in parameters:
            continue
        for parent, wanted in parameters[current].when.items():
            if parent == name:
                raise SearchError(f"parameter {name!r} depends on itself through {current!r}; remove a `when`.")
            left = allowed[parent] if parent in allowed else tuple(wanted)
            allowed[parent] = tuple(value for value in left if any(same(value, other) for other in wanted))
            if not allowed[parent]:
                return False
            if parent not in seen:
                seen.add(parent)
                open_names.append(parent)
    return True
