"""What a search is to reach: objectives with their directions, constraints, and which of several results are best."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.errors import SearchError
from search.wording import did_you_mean

DEFAULT_METRIC = "val_accuracy"
MODES = ("max", "min")
OF_THE_DRIVER = ("train_seconds",)
"""What is measured of every trial, whatever its trainable yields."""
AT_END = ("num_parameters", "num_trainable_parameters", "baseline_accuracy", "sample_size", *OF_THE_DRIVER)
"""What is known of a trial once, and not after every epoch."""
TAKEN = frozenset(
    {"trial_id", "number", "state", "error", "space", "dataset", "seed", "repeat_of", "epochs", "best_epoch", "log"}
    | {"started_at", "finished_at", "train_seconds", "wait_seconds", "node", "worker", "training_share", "on_front"}
    | {"violates", "parent", "parent_epoch", "engine", "engine_reason", "data_fingerprint"}
)
"""Columns of `trials` that are no metrics: a metric under such a name would write over what they tell."""
WHOLE = frozenset({"epoch", "stage", "train_images", "num_parameters", "num_trainable_parameters", "sample_size"})
"""Metrics that are whole numbers."""
OF_ONE_METRIC = ("mfgp", "cmaes")
"""Samplers that cannot learn from several objectives."""
SEVERAL = "tpe"
"""The sampler for several objectives where none is named."""
_ERRORS = {"loss", "error", "mae", "mse", "rmse", "mape", "msle", "crossentropy", "divergence", "deviance"}
_CONSTRAINT = re.compile(r"\s*(<=|>=)\s*(\S+)\s*")

Row = Mapping[str, Any]
Values = tuple[float, ...]


def is_taken(name: str) -> bool:
    """Return whether a column of `trials` that is no metric has this name."""
    return name in TAKEN or name.startswith("config.")


def mode_of(metric: str) -> str:
    """`min` for a metric that is an error by its name, like val_loss or mse; else `max`."""
    return "min" if _ERRORS & set(metric.lower().split("_")) else "max"


@dataclass(frozen=True)
class Constraint:
    """What a metric must not exceed, or not fall below."""

    metric: str
    is_upper: bool
    bound: float

    @classmethod
    def read(cls, metric: str, text: object) -> Constraint:
        """Read a text like '<= 1e6'; raises SearchError."""
        match = _CONSTRAINT.fullmatch(str(text))
        try:
            bound = float(match[2]) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or not math.isfinite(bound):
            raise SearchError(f"constraint {metric!r}: {text!r}; expected '<= NUMBER' or '>= NUMBER', like '<= 1e6'.")
        return cls(metric, match[1] == "<=", bound)

    def excess(self, value: float) -> float:
        """By which share of the bound the value is beyond it; 0 or less where the constraint is kept."""
        beyond = value - self.bound if self.is_upper else self.bound - value
        return beyond / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.is_upper else '>='} {self.bound:g}"


@dataclass(frozen=True)
class Goals:
    """By what the trials of a search are compared, and what they must keep to."""

    metric: str
    """The metric after every epoch: it decides on the best epoch, and early ends follow it."""
    mode: str
    objectives: Mapping[str, str] = field(default_factory=dict)
    """Direction of each of several objectives; empty where the metric is the only one."""
    constraints: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Row) -> Goals:
        """The goals of a space as a manifest describes it."""
        names = ("objectives", "constraints")
        return cls(space["metric"], space["mode"], *(dict(space.get(name) or {}) for name in names))

    @property
    def directions(self) -> Mapping[str, str]:
        """The direction of everything that trials are compared by, the first in the lead."""
        return self.objectives or {self.metric: self.mode}

    @property
    def needed(self) -> tuple[str, ...]:
        """Metrics beside the one after every epoch that a trainable has to yield at its end, if not before."""
        names = dict.fromkeys((*self.objectives, *self.constraints))
        return tuple(name for name in names if name not in (self.metric, *OF_THE_DRIVER))

    def values(self, row: Row) -> Values | None:
        """The value of every objective in a trial's row; None where one is missing."""
        found = [row.get(name) for name in self.directions]
        known = [float(value) for value in found if value is not None and math.isfinite(value)]
        return tuple(known) if len(known) == len(found) else None

    def judged_by(self, row: Row) -> float | Values | None:
        """What a sampler learns of a trial's row: the metric, or the values of all objectives where all are known."""
        return self.values(row) if self.objectives else row.get(self.metric)

    def excess(self, row: Row) -> dict[str, float]:
        """By how much each constraint is exceeded, as `Constraint.excess` has it; without what the row lacks."""
        read = [Constraint.read(name, text) for name, text in self.constraints.items()]
        known = [(one, value) for one in read if (value := row.get(one.metric)) is not None and not math.isnan(value)]
        return {one.metric: one.excess(float(value)) for one, value in known}

    def violated(self, row: Row) -> str | None:
        """The constraints that a trial violates, with its values, in words; None where it violates none it is known."""
        beyond = [name for name, excess in self.excess(row).items() if excess > 0]
        told = [f"{name} {row[name]:.10g}, not {self.constraints[name].strip()}" for name in beyond]
        return "; ".join(told) or None

    def dominates(self, one: Values, other: Values) -> bool:
        """Whether `one` is at least as good in every objective, and better in some."""
        gains = list(map(self._gain, zip(one, other, self.directions.values(), strict=True)))
        return min(gains) >= 0 and max(gains) > 0

    def _gain(self, compared: tuple[float, float, str]) -> float:
        one, other, mode = compared
        return one - other if mode == "max" else other - one

    def front(self, values: Mapping[str, Values]) -> list[str]:
        """The names whose values none dominates, the best by the first objective first, then by the next."""
        on: list[str] = []
        for name in sorted(values, key=lambda name: (self.order(values[name]), name)):
            # In this order no later one dominates an earlier one.
            if not any(self.dominates(values[other], values[name]) for other in on):
                on.append(name)
        return on

    def order(self, values: Values) -> Values:
        """What sorts values with the best by the first objective first."""
        return tuple(-v if mode == "max" else v for v, mode in zip(values, self.directions.values(), strict=True))

    def describe(self) -> str:
        """The objectives in words."""
        return ", ".join(f"{name} ({mode})" for name, mode in self.directions.items())


def checked_goals(metric: str | None, mode: str | None, objectives: Any, constraints: Any) -> Goals:
    """The goals that a space gives, with what it leaves out; raises SearchError.

    Without a metric of its own, the first objective that is known after every epoch decides on epochs.
    """
    objectives = _mapping("objectives", objectives, {"val_accuracy": "max", "num_parameters": "min"})
    constraints = _mapping("constraints", constraints, {"num_parameters": "<= 1e6"})
    if len(objectives) == 1:
        raise SearchError(f"objectives has only {next(iter(objectives))!r}; expected two or more, or metric= for one.")
    for name, direction in objectives.items():
        if direction not in MODES:
            raise SearchError(f"objectives has {name!r}: {direction!r}; expected one of: {', '.join(MODES)}.")
    for name, text in constraints.items():
        Constraint.read(name, text)
    by_epoch = [name for name in objectives if name not in AT_END]
    metric = (by_epoch or [None])[0] if metric is None and objectives else metric or DEFAULT_METRIC
    if metric is None:
        raise SearchError("no objective is known after every epoch; expected metric=..., which decides on epochs.")
    for name in (metric, *objectives, *constraints):
        _check_name(name)
        if is_taken(name) and name not in OF_THE_DRIVER:
            raise SearchError(f"a metric is called {name!r}, as a column that every trial has; expected another name.")
    if mode is not None and objectives.get(metric, mode) != mode:
        raise SearchError(f"mode={mode!r}, and objectives has {metric!r}: {objectives[metric]!r}; leave out mode.")
    return Goals(metric, mode or objectives.get(metric) or mode_of(metric), objectives, constraints)


def checked_choices(
    sampler: str | None, stopping: str | None, objectives: Mapping[str, str], samplers: Sequence[str]
) -> dict[str, str]:
    """The `sampler`, one of `samplers`, and the `stopping` rule of a space, which may leave out both.

    For several objectives no rule is the default: it would end what is behind in one of them, and with it an end of the
    front. Raises SearchError for a sampler that cannot learn from them.
    """
    if objectives and sampler in OF_ONE_METRIC:
        able = ", ".join(name for name in samplers if name not in OF_ONE_METRIC)
        raise SearchError(f"sampler {sampler!r} learns from one metric, and objectives has several; expected {able}.")
    defaults = (SEVERAL, "none") if objectives else (samplers[0], "asha")
    return {"sampler": sampler or defaults[0], "stopping": stopping or defaults[1]}


def _mapping(name: str, given: Any, example: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SearchError(f"{name}={given!r}; expected a dict, like {example}.")
    return dict(given)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise SearchError(f"metric={name!r}; expected the name of a metric, like 'val_accuracy'.")
    if name.startswith("test_"):
        raise SearchError(
            f"metric={name!r} would choose by the test set, whose values would then mean nothing; "
            f"expected a validation metric. Try 'val_{name.removeprefix('test_')}'."
        )


def check_known(goals: Goals, known: Iterable[str] | None) -> None:
    """Raise SearchError for a metric that the trainable does not yield; `known` is all that it does, None: unknown."""
    if goals.metric in AT_END:
        raise SearchError(
            f"metric {goals.metric!r} is known only at the end of a trial; expected one that is yielded after every "
            "epoch. What is known at the end can be an objective or a constraint."
        )
    for name in (goals.metric, *goals.needed):
        if known is not None and name not in known:
            raise SearchError(f"the trainable yields no metric {name!r}. {did_you_mean(name, list(known))}")


def means(runs: Sequence[Values]) -> Values:
    """The mean of each objective over several runs of a configuration."""
    return tuple(sum(column) / len(runs) for column in zip(*runs, strict=True))
