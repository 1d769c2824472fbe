"""What is searched: a trainable, its parameters, what is fixed, and the metric that decides."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from search.errors import SearchError
from search.goals import Goals, checked_choices, checked_goals
from search.population import STOPPING, checked_population
from search.space.conditions import check_when, parents_first
from search.space.parameters import Choice, Float, Int, Parameter, checked_start, with_conditions
from search.space.per_trial import Amounts, PerTrial, Shape, amounts, check_conditions, shapes
from search.space.pinned_function import checked_function, pinned
from search.space.values import plain, same

__all__ = ["SAMPLERS", "STOPPING_RULES", "Choice", "Config", "Float", "Int", "Parameter", "Space", "same"]

Config = dict[str, object]
"""One configuration: the active parameters of a space and their values."""
SAMPLERS = ("mfgp", "tpe", "random", "grid", "qmc", "gp", "cmaes", "nsga2")
STOPPING_RULES = ("asha", "median", "none")
LEADERS = 4
"""Leading configurations to which `repeats` gives a second seed; how many further ones, the spread decides."""
_LEAST_PER_TRIAL: dict[str, Any] = {"cpus_per_trial": 0.01, "gpus_per_trial": 0}


@dataclass(frozen=True)
class Space:
    """A question put to a trainable, checked when it is made; raises SearchError.

    `parameters` maps names to Float, Int or Choice; in its place stand an Optuna define-by-run function
    (`trial` -> dict of settings), a KerasTuner HyperModel, or a function `build(hp)` of its hyperparameters.
    """

    trainable: Any = None
    """May be missing where a HyperModel or a `build` function stands for the parameters: that is what is trained."""
    parameters: Any = None
    dataset: str | Callable[..., Any] | None = None
    """A name, a path, or a function of (configuration, trial) that gives the data and is called in every trial."""
    fixed: Mapping[str, object] = field(default_factory=dict)
    metric: str = None  # type: ignore[assignment]  # not once the space is made
    """Compares epochs, and trials without `objectives`. Not given: val_accuracy, or the first objective by epoch."""
    mode: Literal["max", "min"] = None  # type: ignore[assignment]  # likewise
    """Whether a larger metric is better; not given: a smaller one where the metric is called a loss or an error."""
    trials: int | None = None
    offline_dataset: str | None = None
    sampler: str = None  # type: ignore[assignment]  # not given: mfgp, or tpe for several objectives
    stopping: str = None  # type: ignore[assignment]  # not given: asha, or none for several objectives
    stopping_options: Mapping[str, float | str] = field(default_factory=dict)
    repeats: int = 1
    repeat: Literal["top", "all"] = "top"
    cpus_per_trial: PerTrial = 1
    """A number, or a table by condition, like [({"network": "vgg16"}, 4), 1]: the first whose condition holds."""
    gpus_per_trial: PerTrial = 0
    smoke: Mapping[str, object] = field(default_factory=dict)
    start: Sequence[Mapping[str, object]] = ()
    """Configurations to be tried first, best guesses; a setting that one leaves out is the sampler's."""
    objectives: Mapping[str, str] = field(default_factory=dict)
    """Several metrics at once, like {"val_accuracy": "max", "num_parameters": "min"}: what is found is their front."""
    constraints: Mapping[str, str] = field(default_factory=dict)
    """What the best must keep to, like {"num_parameters": "<= 1e6"}."""
    population: Any = None
    """Trials go on from the best ones: {"members": 8, "interval": 2, "change": ["learning_rate"]}, see Population."""

    def __post_init__(self) -> None:
        for name in ("fixed", "smoke", "stopping_options"):
            object.__setattr__(self, name, MappingProxyType(_settings(name, getattr(self, name))))
        if isinstance(self.parameters, Mapping):
            self._check_parameters()
            object.__setattr__(self, "parameters", MappingProxyType(parents_first(self.parameters, self.fixed)))
        else:
            object.__setattr__(self, "parameters", checked_function(self.parameters))
        started = [checked_start(one, self.parameters, self.is_active) if self.declared else one for one in self.start]
        object.__setattr__(self, "start", tuple(started))
        goals = checked_goals(self.metric, self.mode, self.objectives, self.constraints)
        if self.population is None:
            chosen = checked_choices(self.sampler, self.stopping, goals.objectives, SAMPLERS)
        else:
            chosen = checked_population(self, not goals.objectives and not goals.constraints)
        for name, value in {**vars(goals), **chosen}.items():
            object.__setattr__(self, name, MappingProxyType(value) if isinstance(value, dict) else value)
        self._check_options()

    @property
    def goals(self) -> Goals:
        """By what trials are compared."""
        return Goals(self.metric, self.mode, dict(self.objectives), dict(self.constraints))

    @property
    def dataset_name(self) -> str | None:
        """The data set as it is stored and shown; of a function its own name, with brackets behind it."""
        if self.dataset is None or isinstance(self.dataset, str):
            return self.dataset
        return f"{getattr(self.dataset, '__name__', type(self.dataset).__name__)}()"

    @property
    def declared(self) -> bool:
        """Whether the parameters are declared, and so can be printed, checked and searched as a grid."""
        return isinstance(self.parameters, Mapping)

    def _check_parameters(self) -> None:
        for name, parameter in self.parameters.items():
            if not isinstance(name, str) or not name or "=" in name or not name.isprintable():
                raise SearchError(f"a parameter is named {name!r}; expected one line without '=', as --set NAME=VALUE.")
            if not isinstance(parameter, (Float, Int, Choice)):
                raise SearchError(
                    f"parameter {name!r} is {parameter!r}; expected Float, Int or Choice. Move a constant to `fixed`."
                )
            if name in self.fixed:
                raise SearchError(f"parameter {name!r} is also in `fixed`; expected it in one of them.")
        check_when(self.parameters, self.fixed)

    def _check_options(self) -> None:
        if not callable(self.trainable) and (self.trainable is not None or self.declared):
            raise SearchError(f"trainable={self.trainable!r}; expected a function of (config, trial).")
        if self.dataset is not None and not isinstance(self.dataset, str) and not callable(self.dataset):
            raise SearchError(f"dataset={self.dataset!r}; expected a name, a path, or a function of (config, trial).")
        for name, value, options in (
            ("mode", self.mode, ("max", "min")),
            ("sampler", self.sampler, SAMPLERS),
            ("stopping", self.stopping, STOPPING_RULES if self.population is None else (STOPPING,)),
            ("repeat", self.repeat, ("top", "all")),
        ):
            if value not in options:
                raise SearchError(f"{name}={value!r}; expected one of: {', '.join(options)}.")
        for name, count in (("trials", self.trials), ("repeats", self.repeats)):
            if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
                raise SearchError(f"{name}={count!r}; expected a whole number above 0.")
        for name in _LEAST_PER_TRIAL:
            check_conditions(name, self._amounts(name), self._values)
        if self.trials is None and self.population is None and self.declared and self.size() is None:
            raise SearchError(
                "trials is not given, and the space has no finite grid; expected trials=N, like trials=40."
            )

    def _amounts(self, name: str) -> Amounts:
        return amounts(name, getattr(self, name), _LEAST_PER_TRIAL[name])

    def _values(self, name: str) -> Sequence[object] | None:
        """Return the values that a setting may take; None for a continuous range, and where a function decides."""
        if name in self.fixed or not self.declared:
            return (self.fixed[name],) if name in self.fixed else None
        return self.parameters[name].values() if name in self.parameters else ()

    def shape(self, config: Mapping[str, object]) -> Shape:
        """Return the cores and GPUs of a trial with these settings."""
        settings = {**self.fixed, **config}
        return Shape(self._amounts("cpus_per_trial").of(settings), self._amounts("gpus_per_trial").of(settings))

    def shapes(self) -> tuple[Shape, ...]:
        """Return all shapes that trials of this space may have, the largest first."""
        return shapes(self._amounts("cpus_per_trial"), self._amounts("gpus_per_trial"), self._values)

    def describe_shapes(self) -> str:
        """Return in words what each trial is given."""
        if len(self.shapes()) == 1:
            return f"{self.shapes()[0].describe()} each"
        return "; ".join(f"{name[:3].upper()}s {self._amounts(name).describe()}" for name in _LEAST_PER_TRIAL)

    def narrowed(self, parameters: Mapping[str, Parameter], fixed: Mapping[str, object] | None = None) -> Space:
        """Return the space with fewer parameters or options, and without cases of its tables that then never hold."""
        start = [kept for one in self.start if (kept := {n: v for n, v in one.items() if n in parameters})]
        others = {"parameters": parameters, "fixed": fixed or self.fixed, "start": start, **_LEAST_PER_TRIAL}
        plain = dataclasses.replace(self, **others)
        left = {name: self._amounts(name).possible(plain._values).as_given() for name in _LEAST_PER_TRIAL}
        return dataclasses.replace(plain, **left)

    def is_active(self, name: str, config: Mapping[str, object]) -> bool:
        """Return whether the condition of the parameter holds, given its parents in `config` or in `fixed`."""
        for parent, wanted in self.parameters[name].when.items():
            if parent not in config and parent not in self.fixed:
                return False
            value = config.get(parent, self.fixed.get(parent))
            if not any(same(value, option) for option in wanted):
                return False
        return True

    def grid(self) -> Iterator[Config]:
        """Yield every configuration without inactive parameters; raises SearchError, which names a continuous Float."""
        for name, parameter in self.parameters.items():
            if parameter.values() is None:
                raise SearchError(
                    f"parameter {name!r} is a Float without a step, and has no grid. "
                    "Give it step=..., use Choice, or another sampler."
                )
        yield from self._extensions({}, list(self.parameters))

    def _extensions(self, config: Config, names: list[str]) -> Iterator[Config]:
        if not names:
            yield dict(config)
            return
        name, rest = names[0], names[1:]
        if not self.is_active(name, config):
            yield from self._extensions(config, rest)
            return
        for value in self.parameters[name].values():
            yield from self._extensions({**config, name: value}, rest)

    def size(self) -> int | None:
        """Return the number of different configurations; None where a continuous range makes it infinite."""
        if any(parameter.values() is None for parameter in self.parameters.values()):
            return None
        parents = {parent for p in self.parameters.values() for parent in p.when if parent in self.parameters}
        ancestors = [name for name in self.parameters if name in parents]
        leaves = [name for name in self.parameters if name not in parents]
        return sum(
            math.prod(len(self.parameters[name].values()) for name in leaves if self.is_active(name, config))
            for config in self._extensions({}, ancestors)
        )

    def pin(self, name: str, value: object) -> Space:
        """Return the space with a setting fixed, without children whose condition can no longer hold."""
        if not self.declared:
            function = pinned(self.parameters, name, value)
            return dataclasses.replace(self, parameters=function, fixed={**self.fixed, name: value})
        fixed = {**self.fixed, name: value}
        left = {other: parameter for other, parameter in self.parameters.items() if other != name}
        kept: dict[str, Parameter] = {}
        for other, parameter in left.items():  # Parents come first.
            when: dict[str, tuple[object, ...]] = {}
            for parent, wanted in parameter.when.items():
                if parent in fixed:
                    if not any(same(fixed[parent], option) for option in wanted):
                        break
                elif parent not in kept:
                    break
                else:
                    when[parent] = wanted
            else:
                kept[other] = with_conditions(parameter, when)
        return self.narrowed(kept, fixed)

    def settings(self) -> dict[str, tuple[object, ...]]:
        """Return every setting with the values that a check needs to see: bounds, options or the constant."""
        searched = {name: parameter.bounds() for name, parameter in self.parameters.items()} if self.declared else {}
        return {**{name: (value,) for name, value in self.fixed.items()}, **searched}


def _settings(where: str, given: object) -> dict[str, object]:
    """Return the settings of a field such as `fixed`, as Python's own values; raises SearchError for what is none."""
    if not isinstance(given, Mapping):
        raise SearchError(f"{where}={given!r}; expected a dict: name of a setting -> its value.")
    for setting, value in given.items():
        if isinstance(value, (Float, Int, Choice)):
            raise SearchError(f"`{where}` has {setting!r} as a range, {value.describe()}; move it to `parameters`.")
    return {setting: plain(value) for setting, value in given.items()}
