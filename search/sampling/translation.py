"""Translates a space into Optuna's terms and back: distributions, stored values, configurations."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from optuna.trial import BaseTrial, FixedTrial

from search.errors import SearchError, is_pruning
from search.space import Choice, Config, Float, Int, Parameter, Space, fingerprint, same
from search.space.building.space_process import BuildApart
from search.space.values import plain
from search.wording import error_text, place_of, users_line

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


def translate(space: Space) -> Translation:
    """Return the translation for declared parameters, for a define-by-run function, or for a HyperModel."""
    if space.declared:
        return Declared(space)
    return Built(space.parameters) if isinstance(space.parameters, BuildApart) else DefinedByRun(space.parameters)


def check_function(function: Callable[[BaseTrial], Mapping[str, object] | None]) -> None:
    """Draw from a define-by-run function a few times; raises SearchError with file and line for what is wrong in it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # Optuna would print a line about the study.
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(_TRIED):
        with contextlib.suppress(optuna.TrialPruned):
            DefinedByRun(function).draw(study.ask())


_TRIED = 3


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
                config[name] = _restored(parameter, _suggest(trial, name, self._distributions[name]))
        return config

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return Optuna's values and distributions of the active parameters."""
        parameters = self._space.parameters
        stored = {name: _stored(parameters[name], config[name]) for name in parameters if name in config}
        return stored, {name: self._distributions[name] for name in stored}

    def restore(self, stored: Stored) -> Config:
        """Return the options and numbers as they were declared."""
        return {name: _restored(p, stored[name]) for name, p in self._space.parameters.items() if name in stored}

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the active parameters of a row."""
        config: Config = {}
        for name, parameter in self._space.parameters.items():
            if self._space.is_active(name, config):
                config[name] = _read(name, parameter, row.get(name))
        return config


class DefinedByRun:
    """Translates a function that suggests values by an Optuna trial as it goes, and may return more settings."""

    def __init__(self, function: Callable[[BaseTrial], Mapping[str, object] | None]) -> None:
        self._function = function

    def draw(self, trial: BaseTrial) -> Config:
        """Return what was suggested and what was returned, which wins over a suggestion of the same name.

        Raises SearchError with the line for whatever goes wrong in the function, except for its TrialPruned.
        """
        try:
            return self._drawn(Strict(trial))  # type: ignore[arg-type]  # answers all that a trial does
        except SearchError as error:
            where = users_line(error)
            raise SearchError(f"{where}: {error}" if where else str(error)) from error
        except (Exception, SystemExit) as error:
            if is_pruning(error):
                raise
            raise SearchError(f"{users_line(error) or place_of(self._function)}: {error_text(error)}") from error

    def _drawn(self, trial: BaseTrial) -> Config:
        returned = self._function(trial)
        if returned is not None and not isinstance(returned, Mapping):
            raise SearchError(f"the function in `parameters` returned {returned!r}; expected a dict of settings.")
        wrong = next((name for name in returned or {} if not isinstance(name, str)), None)
        if wrong is not None:
            raise SearchError(f"the function in `parameters` returned a setting named {wrong!r}; expected a text.")
        return {**trial.params, **plain(dict(returned or {}))}

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return what the function suggests when it is answered with the configuration; nothing if it returns another.

        It returns another one where it returns a setting under the name of a suggestion, but not as it was suggested.
        """
        trial = FixedTrial(dict(config))
        try:
            again = self._drawn(trial)
        except ValueError:  # The configuration lacks what the function asks for.
            return {}, {}
        return (dict(trial.params), dict(trial.distributions)) if again == config else ({}, {})

    def restore(self, stored: Stored) -> Config:
        """Return what the function makes of the stored values."""
        return self.draw(FixedTrial(stored))

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the row as it is, without what is null."""
        return _without_null(row)


class Strict:
    """A trial that refuses two ranges for one name; Optuna would take the first without a word."""

    def __init__(self, trial: BaseTrial) -> None:
        self._trial = trial
        self._ranges: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._trial, name)
        if not name.startswith("suggest_"):
            return asked

        def suggest(setting: str, *words: Any, **options: Any) -> Any:
            if not isinstance(setting, str):
                raise SearchError(f"{name}({setting!r}, ...) has no text as its name; expected {name}('NAME', ...).")
            arguments = [*map(repr, words), *(f"{key}={value!r}" for key, value in options.items())]
            range_ = f"{name}({', '.join([repr(setting), *arguments])})"
            before = self._ranges.setdefault(setting, range_)
            if before != range_:
                raise SearchError(f"{range_} differs from {before}; expected one range for a name. Use two names.")
            return asked(setting, *words, **options)

        return suggest


class Built:
    """A HyperModel that is built for each trial, which tells its hyperparameters beside the `declared` ones."""

    def __init__(self, build: BuildApart, declared: Translation | None = None) -> None:
        self._build, self._declared = build, declared
        self._restored: dict[str, Config] = {}

    def draw(self, trial: BaseTrial) -> Config:
        """Return what a build asks for, with each value as suggested."""
        known = self._declared.draw(trial) if self._declared else {}

        def suggest(name: str, parameter: Parameter) -> object:
            if name in known:
                return known[name]
            return _restored(parameter, _suggest(trial, _key(name, parameter), distribution(parameter)))

        return self._build(suggest)

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return what a build asks for when it is answered with the configuration, or nothing if it asks for more."""
        stored: Stored = {}
        distributions: dict[str, BaseDistribution] = {}

        def answer(name: str, parameter: Parameter) -> object:
            key = _key(name, parameter)
            stored[key], distributions[key] = _stored(parameter, config[name]), distribution(parameter)
            return config[name]

        try:
            self._build(answer)
        except (KeyError, StopIteration):
            return {}, {}
        return stored, distributions

    def restore(self, stored: Stored) -> Config:
        """Return what a build asks for when it is answered with the stored values; what is declared where that is."""
        if self._declared:
            return self._declared.restore(stored)
        if (text := fingerprint(stored)) not in self._restored:
            self._restored[text] = self._build(lambda name, p: _restored(p, stored[_key(name, p)]))
        return self._restored[text]

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the row as it is, without what is null."""
        return (
            self._declared.read(row)
            if self._declared
            else {name: value for name, value in row.items() if not _is_null(value)}
        )


def _key(name: str, parameter: Parameter) -> str:
    """Return the parameter's name in Optuna's study.

    The study holds a choice to one set of options, while a HyperModel may have several choices of one name.
    """
    return f"{name}: {parameter.describe()}" if isinstance(parameter, Choice) else name


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


def _suggest(trial: BaseTrial, name: str, of: BaseDistribution) -> Any:
    if isinstance(of, FloatDistribution):
        return trial.suggest_float(name, of.low, of.high, step=of.step, log=of.log)
    if isinstance(of, IntDistribution):
        return trial.suggest_int(name, of.low, of.high, step=of.step, log=of.log)
    assert isinstance(of, CategoricalDistribution)
    return trial.suggest_categorical(name, of.choices)


def _stored(parameter: Parameter, value: object) -> Any:
    if not isinstance(parameter, Choice):
        return _turned(parameter, value)
    position = next(i for i, option in enumerate(parameter.options) if same(option, value))
    return _choices(parameter)[position]


def _restored(parameter: Parameter, stored: Any) -> object:
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
    value = None if _is_null(value) else value
    # A column of texts holds each option's text; any other column holds the options themselves, 3 perhaps as 3.0.
    texts = parameter.texts() if parameter.column_type() == "string" else parameter.options
    for known in (texts, parameter.options):
        if value in known:
            return parameter.options[known.index(value)]
    raise SearchError(f"the stored trials have {name}={value!r}, which is none of its options {parameter.describe()}.")


def _without_null(row: Mapping[str, object]) -> Config:
    return {name: value for name, value in row.items() if not _is_null(value)}


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
