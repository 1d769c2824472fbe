"""A define-by-run function with some of its settings pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PinnedFunction:
    """Answers the pinned suggestions of a function itself, and leaves the pinned settings out of what it returns."""

    function: Callable[[Any], Any]
    pins: Mapping[str, object]

    def __call__(self, trial: Any) -> Any:
        """What the function returns for the trial, without the pinned settings."""
        returned = self.function(_Asked(trial, self.pins))
        if not isinstance(returned, Mapping):
            return returned
        return {name: value for name, value in returned.items() if name not in self.pins}


class _Asked:
    """A trial that knows some answers and asks the real one for the others."""

    def __init__(self, trial: Any, pins: Mapping[str, object]) -> None:
        self._trial, self._pins = trial, pins

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._trial, name)
        if not name.startswith("suggest_"):
            return real

        def suggest(setting: str, *words: Any, **options: Any) -> Any:
            return self._pins[setting] if setting in self._pins else real(setting, *words, **options)

        return suggest
