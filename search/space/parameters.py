"""The parameters of a space: a range of floats, a range of integers, a choice among options."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from search.errors import SearchError
from search.space.values import check_options, plain, same, text_of
from search.wording import did_you_mean

Conditions = Mapping[str, Any]
"""When a parameter is active: name of a parent -> a value, or a tuple of values, that the parent must have."""


def conditions(when: object) -> Conditions:
    """A `when` as it is held: every name with a tuple of values; raises SearchError for what is not a condition."""
    if not isinstance(when, Mapping):
        raise SearchError(
            f"when={when!r} is not a condition; expected a dict like {{'network': 'vgg16'}}: "
            "name of a parameter -> a value, or a tuple of values."
        )
    held = {name: _wanted(values) for name, values in when.items()}
    for name, values in held.items():
        if not isinstance(name, str) or values == ():
            raise SearchError(f"when={when!r} names no value for {name!r}; expected a value or a tuple of values.")
    return MappingProxyType(held)


def _wanted(values: object) -> tuple[object, ...]:
    """Return the values of a condition, which may also be given as a list or a range."""
    return tuple(plain(value) for value in values) if isinstance(values, (tuple, list, range)) else (plain(values),)


EXACT = 2**53
"""Up to here floats hold whole numbers exactly; Optuna's study holds numbers as floats."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _decimals(*numbers: float) -> tuple[Decimal, ...]:
    """Return the numbers as decimals, in which 0.1 + 2 * 0.1 is the 0.3 that the user means."""
    return tuple(Decimal(repr(float(number))) for number in numbers)


Log = bool | Literal["reverse"]
"""Whether a range is sampled evenly in its logarithm, or, `reverse`, in that of the distance from its upper end."""


def _check_range(kind: str, low: object, high: object, step: object, log: Log) -> None:
    shown = f"{kind}({low!r}, {high!r})"
    if not _is_number(low) or not _is_number(high):
        raise SearchError(f"{shown} has a bound that is not a finite number; expected two numbers, low < high.")
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    if low >= high:
        raise SearchError(
            f"{shown} has low={low!r} and high={high!r}; expected low < high. Swap them, or move a constant to `fixed`."
        )
    if log not in (False, True, "reverse"):
        raise SearchError(f"{shown} has log={log!r}; expected True, False or 'reverse'.")
    if log and low <= 0:
        raise SearchError(f"{shown} has log={log!r} and low={low!r}; a logarithm needs low > 0.")
    if not math.isfinite(high - low):
        raise SearchError(f"{shown} is wider than any number; expected a range whose width is one.")
    if step is not None:
        if not _is_number(step) or float(step) <= 0:  # type: ignore[arg-type]  # a number, as just checked
            raise SearchError(f"{shown} has step={step!r}; expected a number above 0.")
        if low + step > high:  # type: ignore[operator]  # a number, as just checked
            raise SearchError(f"{shown} has step={step!r}, which leaves {low!r} alone; expected a smaller step.")
        if log and (kind, step) != ("Int", 1):  # The least step of integers is none.
            raise SearchError(f"{shown} has both log={log!r} and step={step!r}; expected one of them.")


def _in_words(log: Log) -> str:
    return ", reverse log" if log == "reverse" else ", log" if log else ""


def _hold_plain(parameter: Float | Int) -> None:
    for name in ("low", "high", "step", "log"):
        object.__setattr__(parameter, name, plain(getattr(parameter, name)))


@dataclass(frozen=True)
class Float:
    """A real number in [low, high], sampled evenly, or evenly in its logarithm, or in steps from low."""

    low: float
    high: float
    log: Log = False
    step: float | None = None
    when: Conditions = field(default_factory=dict)

    def __post_init__(self) -> None:
        _hold_plain(self)
        _check_range("Float", self.low, self.high, self.step, self.log)
        object.__setattr__(self, "when", conditions(self.when))

    def values(self) -> tuple[float, ...] | None:
        """Return all values of a stepped range; None for a continuous one."""
        if self.step is None:
            return None
        low, high, step = _decimals(self.low, self.high, self.step)
        return tuple(float(low + i * step) for i in range(int((high - low) / step) + 1))

    def nearest(self, value: float) -> float:
        """Return the nearest value of a stepped range; of a continuous one, the value itself."""
        if self.step is None:
            return value
        low, exact, step = _decimals(self.low, value, self.step)
        return float(low + round((exact - low) / step) * step)

    def bounds(self) -> tuple[float, ...]:
        """Return the values that a check needs to see: both bounds."""
        return (float(self.low), float(self.high))

    def column_type(self) -> str:
        """Return the type of its column in `trials.parquet`."""
        return "double"

    def describe(self) -> str:
        """Return the range in words."""
        step = f", step {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{step}{_in_words(self.log)}"


@dataclass(frozen=True)
class Int:
    """An integer in [low, high], both included, in steps from low, or evenly in its logarithm."""

    low: int
    high: int
    log: Log = False
    step: int = 1
    when: Conditions = field(default_factory=dict)

    def __post_init__(self) -> None:
        _hold_plain(self)
        _check_range("Int", self.low, self.high, self.step, self.log)
        if max(abs(self.low), abs(self.high)) > EXACT:
            raise SearchError(f"Int({self.low!r}, {self.high!r}) goes beyond 2**53; expected numbers that are exact.")
        for value in (self.low, self.high, self.step):
            if not isinstance(value, int):
                raise SearchError(f"Int({self.low!r}, {self.high!r}) has {value!r}; expected whole numbers. Use Float.")
        object.__setattr__(self, "when", conditions(self.when))

    def values(self) -> Sequence[int]:
        """Return all values in ascending order, without a list of them, because there may be millions."""
        return range(self.low, self.high + 1, self.step)

    def bounds(self) -> tuple[int, ...]:
        """Return the values that a check needs to see: both bounds."""
        return (self.low, self.values()[-1])

    def column_type(self) -> str:
        """Return the type of its column in `trials.parquet`."""
        return "int64"

    def describe(self) -> str:
        """Return the range in words."""
        step = f", step {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}{step}{_in_words(self.log)}"


@dataclass(frozen=True, init=False)
class Choice:
    """One of several options, which may be of different types."""

    options: tuple[object, ...]
    when: Conditions

    def __init__(self, *options: object, when: Conditions = MappingProxyType({})) -> None:
        if len(options) == 1 and isinstance(options[0], (list, set, frozenset, range)):
            kind = type(options[0]).__name__
            raise SearchError(f"Choice({options[0]!r}) has one option, a {kind}; expected Choice(a, b, ...).")
        options = tuple(map(plain, options))
        if not options:
            raise SearchError("Choice() has no option; expected Choice(a, b, ...).")
        check_options(options)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "when", conditions(when))

    def values(self) -> tuple[object, ...]:
        """Return all options, in the order given."""
        return self.options

    def bounds(self) -> tuple[object, ...]:
        """Return the values that a check needs to see: all options."""
        return self.options

    def texts(self) -> tuple[str, ...]:
        """Return one distinct text per option: a string as it is, all else as Python writes it, with sets in order."""
        texts = tuple(option if isinstance(option, str) else text_of(option) for option in self.options)
        return texts if len(set(texts)) == len(texts) else tuple(map(text_of, self.options))

    def text(self, option: object) -> str:
        """Return the text of one of the options."""
        return next(text for other, text in zip(self.options, self.texts(), strict=True) if same(option, other))

    def column_type(self) -> str:
        """Return the type of its column in `trials.parquet`; mixed options are stored by their text."""
        kinds = {type(option) for option in self.options if option is not None}
        if kinds == {bool}:
            return "bool"
        numbers = [option for option in self.options if isinstance(option, int | float)]
        if kinds == {int} and max(map(abs, numbers)) <= EXACT:
            return "int64"
        are_exact = all(isinstance(number, float) or abs(number) <= EXACT for number in numbers)
        if kinds and kinds <= {int, float} and are_exact and len(set(numbers)) == len(numbers):
            return "double"
        return "string"

    def describe(self) -> str:
        """Return the options in words."""
        return ", ".join(self.texts())


Parameter = Float | Int | Choice


def placed(parameter: Parameter, value: object) -> object:
    """Return a value as the parameter has it, 3 for 3.0 and an option for its text; raises ValueError for any other."""
    if isinstance(parameter, Choice):
        for option, text in zip(parameter.options, parameter.texts(), strict=True):
            if same(option, value) or (isinstance(value, str) and value == text):
                return option
        alike = [option for option in parameter.options if _is_number(option) and _is_number(value) and option == value]
        if not alike:
            raise ValueError(value)
        return alike[0]
    if not _is_number(value):
        raise ValueError(value)
    assert isinstance(value, (int, float))
    if isinstance(parameter, Int):
        if float(value).is_integer() and int(value) in parameter.values():
            return int(value)
        raise ValueError(value)
    near = parameter.nearest(float(value))
    if not math.isclose(near, value, rel_tol=1e-9, abs_tol=1e-12) or not parameter.low <= near <= parameter.high:
        raise ValueError(value)
    return near


def checked_start(
    start: object, parameters: Mapping[str, Parameter], is_active: Callable[[str, Mapping[str, object]], bool]
) -> Mapping[str, object]:
    """Return a configuration, or a part of one, that is to be tried first; raises SearchError where it is none."""
    if not isinstance(start, Mapping):
        raise SearchError(f"start holds {start!r}; expected configurations, like start=[{{'learning_rate': 0.001}}].")
    for name in start:
        if name not in parameters:
            raise SearchError(f"start={dict(start)!r} names {name!r}. {did_you_mean(name, parameters)}")
    config: dict[str, object] = {}
    for name, parameter in parameters.items():  # Parents come first.
        if name not in start:
            continue
        if not is_active(name, config):
            raise SearchError(f"start={dict(start)!r} names {name!r}, which is not active there; leave it out.")
        try:
            config[name] = placed(parameter, start[name])
        except ValueError:
            raise SearchError(
                f"start={dict(start)!r} has {name}={start[name]!r}; expected one of {parameter.describe()}."
            ) from None
    return MappingProxyType(config)


def with_conditions(parameter: Parameter, when: Mapping[str, tuple[object, ...]]) -> Parameter:
    """Return the same range or choice under other conditions."""
    if isinstance(parameter, Choice):
        return Choice(*parameter.options, when=when)
    return dataclasses.replace(parameter, when=when)
