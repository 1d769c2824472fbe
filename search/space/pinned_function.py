"""Functions and HyperModels that stand in place of declared parameters, and functions with pinned settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.errors import SearchError


def checked_function(parameters: Any) -> Any:
    """What stands in place of declared parameters, a class of HyperModels as an instance; raises SearchError."""
    if hasattr(parameters, "run_trial"):
        raise SearchError(
            f"parameters={parameters!r} is a tuner, whose `run_trial` a search does not call; expected what it tunes. "
            "Write its loop as a trainable: a generator `train(config, trial)` that yields metrics after each "
            "epoch; see docs/coming_from/keras_tuner.md."
        )
    if isinstance(parameters, type) and hasattr(parameters, "build"):
        try:
            return parameters()
        except TypeError as error:
            raise SearchError(
                f"the HyperModel {parameters.__name__} needs arguments ({error}); give an instance."
            ) from None
    if not callable(parameters) and not hasattr(parameters, "build"):
        raise SearchError(
            f"parameters={parameters!r}; expected a dict of Float, Int and Choice, a define-by-run function, "
            "or a KerasTuner HyperModel."
        )
    return parameters


def pinned(parameters: Any, name: str, value: object) -> Any:
    """Return the function with a setting that is no longer searched."""
    return (
        parameters.pinned(name, value) if hasattr(parameters, "pinned") else PinnedFunction(parameters, {name: value})
    )


@dataclass(frozen=True)
class PinnedFunction:
    """Answers the pinned suggestions of a function itself, and leaves the pinned settings out of what it returns."""

    function: Callable[[Any], Any]
    pins: Mapping[str, object]

    def __call__(self, trial: Any) -> Any:
        """Return what the function returns for the trial, without the pinned settings."""
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
