"""A KerasTuner HyperModel as declared parameters, so that it can be printed, checked, gridded and sampled like any.

Its `build` is called on the driver until every option of every choice was built once, which is how its ranges come to
light. KerasTuner and TensorFlow are imported for this, and only for this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from search.errors import SearchError
from search.space import Space
from search.space.parameters import Choice, Conditions, Float, Int, Parameter

_BUILDS = 100
"""Builds after which a model that goes on to show new ranges is given up."""


def declare(space: Space) -> Space:
    """The space with a HyperModel replaced by Float, Int and Choice; any other as it is. Raises SearchError."""
    if space.declared or not hasattr(space.parameters, "build"):
        return space
    found = _explore(space.parameters)
    constants: dict[str, object] = {}
    parameters: dict[str, Parameter] = {}
    for name, ranges in found.items():
        options = _options(name, ranges[0])
        if options is not None and len(options) == 1:
            constants[name] = options[0]
        else:
            parameters[name] = _parameter(name, ranges)
    others = {name: value for name, value in space.fixed.items() if name not in parameters}
    declared = dataclasses.replace(space, parameters=parameters, fixed={**constants, **others})
    for name in parameters.keys() & space.fixed.keys():
        declared = declared.pin(name, space.fixed[name])
    return declared


def _explore(hypermodel: Any) -> dict[str, list[Any]]:
    """KerasTuner's ranges by name, one for each condition under which the name occurs, from builds of the model."""
    found: dict[str, list[Any]] = {}
    waiting: list[dict[str, object]] = [{}]
    tried: set[tuple[str, str]] = set()
    for _ in range(_BUILDS):
        if not waiting:
            return found
        forced = waiting.pop(0)
        hp = _build(hypermodel, forced)
        tried |= {(name, repr(value)) for name, value in hp.values.items()}
        for shown in hp.space:
            known = found.setdefault(shown.name, [])
            if not any(shown.get_config() == other.get_config() for other in known):
                known.append(shown)
        for name, option, parents in _alternatives(hp.space):
            if (name, repr(option)) not in tried:
                tried.add((name, repr(option)))
                waiting.append({**forced, **parents, name: option})
    raise SearchError(f"the HyperModel shows new parameters after {_BUILDS} builds; expected a finite set of them.")


def _build(hypermodel: Any, forced: dict[str, object]) -> Any:
    import keras_tuner  # noqa: PLC0415  # brings TensorFlow, which no other space needs on the driver

    hp = keras_tuner.HyperParameters()
    hp.values = dict(forced)
    try:
        hypermodel.build(hp)
    except Exception as error:
        raise SearchError(
            f"the HyperModel's `build` fails with {forced or 'its defaults'}: {type(error).__name__}: {error}"
        ) from error
    return hp


def _alternatives(ranges: list[Any]) -> Iterator[tuple[str, object, dict[str, object]]]:
    """(name, option, what its conditions ask for): the options of every choice, to be built each in its turn."""
    for hp in ranges:
        if type(hp).__name__ in ("Choice", "Boolean"):
            parents = {condition.name: condition.values[0] for condition in hp.conditions}
            for option in (False, True) if type(hp).__name__ == "Boolean" else hp.values:
                yield hp.name, option, parents


def _parameter(name: str, ranges: list[Any]) -> Parameter:
    first = ranges[0]
    if any(_range(other) != _range(first) for other in ranges):
        raise SearchError(
            f"the HyperModel uses the name {name!r} for two different ranges; expected one. Give each its own name."
        )
    when = _conditions(name, ranges)
    options = _options(name, first)
    if options is not None:
        return Choice(*options, when=when)
    kind = Int if type(first).__name__ == "Int" else Float
    log = first.sampling == "log"
    if first.step is None:
        return kind(first.min_value, first.max_value, log=log, when=when)
    return kind(first.min_value, first.max_value, step=first.step, when=when)


def _range(hp: Any) -> dict[str, object]:
    return {name: value for name, value in hp.get_config().items() if name not in ("conditions", "default")}


def _options(name: str, hp: Any) -> tuple[object, ...] | None:
    """The values of a choice, a switch, a constant, or a range in multiplying steps; None for any other range."""
    kind = type(hp).__name__
    if kind == "Fixed":
        return (hp.value,)
    if kind == "Boolean":
        return (False, True)
    if kind == "Choice":
        return tuple(hp.values)
    if hp.sampling == "reverse_log":
        raise SearchError(f"the HyperModel's {name!r} is sampled by 'reverse_log'; expected 'linear' or 'log'.")
    if hp.min_value == hp.max_value:
        return (hp.min_value,)
    if hp.step is None or hp.sampling != "log":
        return None
    values = [hp.min_value]
    while values[-1] * hp.step <= hp.max_value:
        values.append(values[-1] * hp.step)
    return tuple(values)


def _conditions(name: str, ranges: list[Any]) -> Conditions:
    """What must hold for one of the ranges to be active: they may differ in the values of one parent only."""
    whens = [{condition.name: tuple(condition.values) for condition in hp.conditions} for hp in ranges]
    if any(not when for when in whens):
        return {}
    names = {parent for when in whens for parent in when}
    differing = [parent for parent in names if any(when.get(parent) != whens[0].get(parent) for when in whens)]
    if len(differing) > 1 or any(when.keys() != names for when in whens):
        raise SearchError(
            f"the HyperModel uses {name!r} under unlike conditions; expected one parent to differ. Use another name."
        )
    return {parent: tuple(dict.fromkeys(value for when in whens for value in when[parent])) for parent in names}
