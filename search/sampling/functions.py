"""Functions and HyperModels in Optuna's terms and back: what they suggest or ask for shows while they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial, FixedTrial

from search.errors import SearchError, is_pruning
from search.sampling.declared import (
    Stored,
    Translation,
    distribution,
    is_null,
    restored_value,
    stored_value,
    suggested,
)
from search.space import Choice, Config, Parameter, fingerprint
from search.space.building.space_process import BuildApart
from search.space.values import plain
from search.wording import error_text, place_of, users_line


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
            return restored_value(parameter, suggested(trial, _key(name, parameter), distribution(parameter)))

        return self._build(suggest)

    def store(self, config: Config) -> tuple[Stored, dict[str, BaseDistribution]]:
        """Return what a build asks for when it is answered with the configuration, or nothing if it asks for more."""
        stored: Stored = {}
        distributions: dict[str, BaseDistribution] = {}

        def answer(name: str, parameter: Parameter) -> object:
            key = _key(name, parameter)
            stored[key], distributions[key] = stored_value(parameter, config[name]), distribution(parameter)
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
            self._restored[text] = self._build(lambda name, p: restored_value(p, stored[_key(name, p)]))
        return self._restored[text]

    def read(self, row: Mapping[str, object]) -> Config:
        """Return the row as it is, without what is null."""
        return self._declared.read(row) if self._declared else _without_null(row)


def _key(name: str, parameter: Parameter) -> str:
    """Return the parameter's name in Optuna's study.

    The study holds a choice to one set of options, while a HyperModel may have several choices of one name.
    """
    return f"{name}: {parameter.describe()}" if isinstance(parameter, Choice) else name


def _without_null(row: Mapping[str, object]) -> Config:
    return {name: value for name, value in row.items() if not is_null(value)}
