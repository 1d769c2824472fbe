"""Settings of a trainable as a table from name to accepted values, and the errors of a space that does not fit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trainables.errors import TrainableError
from trainables.wording import did_you_mean

OF_THE_SEARCH = frozenset({"dataset", "metric", "mode"})
"""Settings that the search adds to every configuration."""


@dataclass(frozen=True)
class Setting:
    """What one setting accepts: the test of a value, and the words that an error uses for what was expected."""

    accepts: Callable[[object], bool]
    expected: str


def number(low: float, high: float = float("inf"), *, above: bool = False, below: bool = False) -> Setting:
    """Return a setting for a real number from `low` to `high`; `above` and `below` exclude the bounds themselves."""

    def accepts(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (low < value if above else low <= value) and (value < high if below else value <= high)

    return Setting(accepts, f"a number {_bounds(low, high, above, below)}")


def whole(low: int, high: float = float("inf")) -> Setting:
    """Return a setting for a whole number from `low` to `high`, both included."""

    def accepts(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return Setting(accepts, f"a whole number {_bounds(low, high, False, False)}")


def one_of(*options: object) -> Setting:
    """Return a setting for one of the options; True does not count as 1."""
    words = ", ".join(str(option) for option in options)
    return Setting(lambda value: any(value is option or _same(value, option) for option in options), f"one of {words}")


def optional(setting: Setting) -> Setting:
    """Return the setting, extended by None, which turns it off."""
    return Setting(lambda value: value is None or setting.accepts(value), f"{setting.expected}, or None")


def check_settings(
    settings: Mapping[str, Sequence[object]], known: Mapping[str, Setting], *, others_allowed: bool = False
) -> None:
    """Raise TrainableError for the first name that is not in the table, or the first value that its row refuses."""
    for name, values in settings.items():
        if name in known:
            _check_values(name, values, known[name])
        elif not others_allowed:
            raise TrainableError(unknown_setting(name, known))


def unknown_setting(name: str, known: Mapping[str, Setting]) -> str:
    """Return the message for a name that is not in the table, with the near ones, or with all if none is near."""
    if name in OF_THE_SEARCH:
        return f"setting '{name}' is not of the trainable but of the space; expected it there, as in Space({name}=...)."
    return f"unknown setting '{name}'. {did_you_mean(name, known)}"


def _check_values(name: str, values: Sequence[object], setting: Setting) -> None:
    for value in values:
        if not setting.accepts(value):
            raise TrainableError(f"setting '{name}' may be {value!r}; expected {setting.expected}.")


def _same(value: object, option: object) -> bool:
    return type(value) is type(option) and value == option


def _bounds(low: float, high: float, above: bool, below: bool) -> str:
    lower = f"above {low:g}" if above else f"from {low:g}"
    if high == float("inf"):
        return lower
    return f"{lower} and below {high:g}" if below else f"{lower} to {high:g}"
