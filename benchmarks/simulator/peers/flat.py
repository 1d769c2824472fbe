"""From the values of a library that gives all settings at once to a configuration of the space."""

from __future__ import annotations

from collections.abc import Mapping

from search.space import Choice, Config, Int, Parameter, Space


def active(space: Space, values: Mapping[str, object]) -> Config:
    """Return the values whose conditions hold, as the space declares them."""
    config: Config = {}
    for name, parameter in space.parameters.items():
        if space.is_active(name, config):
            config[name] = _as_declared(parameter, values[name])
    return config


def _as_declared(parameter: Parameter, value: object) -> object:
    """Return the value as declared: KerasTuner has 1 for True, and Syne Tune numbers of numpy."""
    if isinstance(parameter, Choice):
        return next(option for option in parameter.options if option == value)
    if isinstance(parameter, Int):
        return int(value)  # type: ignore[call-overload]  # a number
    return parameter.nearest(float(value))  # type: ignore[arg-type]  # a number
