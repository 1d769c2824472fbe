"""Options as keyword arguments: each becomes the words of a command line, by which it is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from search.errors import SearchError
from search.planning.options import Options
from search.planning.options.values import set_words
from search.wording import did_you_mean

_JOINED = {"--objective": ":", "--constraint": ""}
"""Options that a dict may give, metric by metric, and what stands between a metric and the rest."""
_DURATIONS = ("--time-budget", "--trial-timeout")


def keyword_words(options: Mapping[str, Any]) -> list[str]:
    """Return `trials=20, set={"epochs": 5}` as `--trials 20 --set epochs=5`; raises SearchError for an unknown name."""
    flags = keyword_flags()
    words: list[str] = []
    for name, value in options.items():
        if name not in flags:
            raise SearchError(f"a search has no option {name!r}. {did_you_mean(name, flags)}")
        words += _words(flags[name], value)
    return words


def _words(flag: str, value: Any) -> list[str]:
    if flag == "--set" and value is not None:
        if not isinstance(value, Mapping):
            raise SearchError(f'set={value!r}; expected a dict of settings, like set={{"epochs": 5}}.')
        return set_words(value)
    if flag in _JOINED and isinstance(value, Mapping):
        value = [f"{name}{_JOINED[flag]}{rest}" for name, rest in value.items()]
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _words(flag, one)]
    if flag in _DURATIONS and isinstance(value, (int, float)):
        return [flag, f"{value}s"]
    return [flag, str(value)]


def keyword_flags() -> dict[str, str]:
    """Return the flag of each option, by its name in Python."""
    hints = get_type_hints(Options, include_extras=True)
    told = [getattr(hints[field.name], "__metadata__", ()) for field in dataclasses.fields(Options)]
    flags = [str(how["flag"]) for entry in told for how in entry]
    return {flag.removeprefix("--").replace("-", "_"): flag for flag in flags if flag != "--list"}
