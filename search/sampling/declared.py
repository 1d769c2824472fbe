"""Declared parameters in Optuna's terms and back: distributions, stored values, configurations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from search.errors import SearchError
from search.space import Choice, Config, Float, Int, Parameter, Space, same

Stored = dict[str, Any]
"""Values by name of the parameter, as Optuna holds them."""


class Translation(Protocol):
    """A space as a sampler sees it."""

    def draw(self, trial: BaseTrial) -> Config:
        """Return the configuration that the trial suggests."""

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return Optuna's values and distributions for a configuration."""

    def restore(self, stored: Stored) -> Config:
        """Return the configuration that Optuna's values stand for."""

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the configuration of a table's row, whose types may be wider: 3.0 for 3, or a text for an option."""


class Declared:
    """Translates parameters that are declared: Float, Int and Choice, with conditions."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._distributions = {name: distribution(parameter) for name, parameter in space.parameters.items()}

    def draw(self, trial: BaseTrial) -> Config:
        """Suggest the active parameters, parents first."""
        config: Config = {}
        for name, parameter in self._space.parameters.items():
            if self._space.is_active(name, config):
                config[name] = restored_value(parameter, suggested(trial, name, self._distributions[name]))
        return config

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return Optuna's values and distributions of the active parameters."""
        parameters = self._space.parameters
        stored = {name: stored_value(parameters[name], config[name]) for name in parameters if name in config}
        return stored, {name: self._distributions[name] for name in stored}

    def restore(self, stored: Stored) -> Config:
        """Return the options and numbers as they were declared."""
        return {name: restored_value(p, stored[name]) for name, p in self._space.parameters.items() if name in stored}

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the active parameters of a row."""
        config: Config = {}
        for name, parameter in self._space.parameters.items():
            if self._space.is_active(name, config):
                config[name] = _read(name, parameter, row.get(name))
        return config


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return Optuna's distribution of the parameter."""
    if isinstance(parameter, Choice):
        return CategoricalDistribution(_choices(parameter))
    if isinstance(parameter, Float):
        values = parameter.values()
        high = parameter.high if values is None else values[-1]
        return FloatDistribution(parameter.low, high, log=bool(parameter.log), step=parameter.step)
    return IntDistribution(parameter.low, parameter.bounds()[-1], log=bool(parameter.log), step=parameter.step)


def _choices(choice: Choice) -> tuple[CategoricalChoiceType, ...]:
    """Return the options where Optuna can hold them and tell them apart, else their texts."""
    plain = all(option is None or isinstance(option, bool | int | float | str) for option in choice.options)
    # Optuna finds an option by equality, and 1 == True == 1.0.
    distinct = all(a != b for i, a in enumerate(choice.options) for b in choice.options[:i])
    return choice.options if plain and distinct else choice.texts()  # type: ignore[return-value]  # plain


def suggested(trial: BaseTrial, name: str, of: BaseDistribution) -> Any:
    """Return what the trial suggests from a distribution."""
    if isinstance(of, FloatDistribution):
        return trial.suggest_float(name, of.low, of.high, step=of.step, log=of.log)
    if isinstance(of, IntDistribution):
        return trial.suggest_int(name, of.low, of.high, step=of.step, log=of.log)
    assert isinstance(of, CategoricalDistribution)
    return trial.suggest_categorical(name, of.choices)


def stored_value(parameter: Parameter, value: object) -> Any:
    """Return a value as Optuna holds it."""
    if not isinstance(parameter, Choice):
        return _turned(parameter, value)
    position = next(i for i, option in enumerate(parameter.options) if same(option, value))
    return _choices(parameter)[position]


def restored_value(parameter: Parameter, stored: Any) -> object:
    """Return the value that Optuna's stands for."""
    if isinstance(parameter, Choice):
        return parameter.options[_choices(parameter).index(stored)]
    if isinstance(parameter, Float):
        return parameter.nearest(_turned(parameter, stored))  # The grid has 0.3, and not 0.30000000000000004.
    return _turned(parameter, stored)


def _turned(parameter: Float | Int, value: Any) -> Any:
    """Return the value of a range; a logarithm that counts from the upper end is held as its mirror image."""
    return parameter.low + parameter.high - value if parameter.log == "reverse" else value


def _read(name: str, parameter: Parameter, value: Any) -> object:
    if not isinstance(parameter, Choice):
        return float(value) if isinstance(parameter, Float) else int(value)
    value = None if is_null(value) else value
    # A column of texts holds each option's text; any other column holds the options themselves, 3 perhaps as 3.0.
    texts = parameter.texts() if parameter.column_type() == "string" else parameter.options
    for known in (texts, parameter.options):
        if value in known:
            return parameter.options[known.index(value)]
    raise SearchError(f"the stored trials have {name}={value!r}, which is none of its options {parameter.describe()}.")


def is_null(value: object) -> bool:
    """Return whether a table has nothing there."""
    return value is None or (isinstance(value, float) and math.isnan(value))
