"""A task of the simulator: a space, and what a training with each of its configurations would report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from search.space import Choice, Config, Float, Int, Parameter, Space

Curve = Callable[[Config], np.ndarray]
"""Function of a configuration that gives the metric without noise after each epoch; NaN once training has failed."""
Seconds = Callable[[Config], float]

_RANDOM = 3000
_MOVES = 2500
_TIMED = 500


def _never(config: Config, trial: object) -> Iterator[dict[str, float]]:
    yield {}


def _one_second(config: Config) -> float:
    return 1.0


@dataclass(frozen=True)
class Task:
    """What is searched, and what trainings in it report."""

    name: str
    parameters: dict[str, Parameter]
    epochs: int
    curve: Curve
    noise: float = 0.0
    """Standard deviation of the noise of each report."""
    mode: Literal["max", "min"] = "max"
    seconds: Seconds = _one_second
    """Function of a configuration that gives the seconds of one epoch."""

    @cached_property
    def space(self) -> Space:
        """The space as the product sees it."""
        return Space(
            trainable=_never,
            parameters=self.parameters,
            fixed={"epochs": self.epochs},
            metric="value",
            mode=self.mode,
            trials=1,
        )

    def training(self, config: Config, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what the training reports, and the same without noise."""
        true = np.asarray(self.curve(config), dtype=float)
        rng = np.random.default_rng(seed)
        return true + self.noise * rng.standard_normal(len(true)), true

    def best_of(self, config: Config) -> float:
        """Return the best value of a whole training without noise, larger is better; minus infinity where it fails."""
        true = self.curve(config)
        sign = 1 if self.mode == "max" else -1
        return -math.inf if np.isnan(true).any() else float(np.max(sign * np.asarray(true)))

    @cached_property
    def scale(self) -> tuple[float, float]:
        """The values of regret 0 and regret 100, larger is better.

        They are the best known value, and the median of random configurations that do not fail.
        """
        rng = np.random.default_rng(0)
        configs = [random_config(self.space, rng) for _ in range(_RANDOM)]
        values = [self.best_of(config) for config in configs]
        order = np.argsort(values)[::-1]
        best = [(values[i], configs[i]) for i in order[:5]]
        for move in range(_MOVES):
            value, config = best[move % len(best)]
            near = random_config(self.space, rng, config, width=0.3 * 0.998**move + 0.003)
            found = self.best_of(near)
            if found > value:
                best[move % len(best)] = (found, near)
        return max(value for value, _ in best), float(np.median([value for value in values if value > -math.inf]))

    @cached_property
    def median_seconds(self) -> float:
        """The seconds of an epoch, by the median of random configurations."""
        rng = np.random.default_rng(1)
        return float(np.median([self.seconds(random_config(self.space, rng)) for _ in range(_TIMED)]))

    def regret(self, value: float) -> float:
        """Return the regret of a value (larger is better), times 100."""
        best, median = self.scale
        return 100 * (best - value) / (best - median)


def random_config(space: Space, rng: np.random.Generator, near: Config | None = None, width: float = 1.0) -> Config:
    """Return a random configuration, or a small change of `near`."""
    config: Config = {}
    for name, parameter in space.parameters.items():
        if space.is_active(name, config):
            old = None if near is None else near.get(name)
            config[name] = _draw(parameter, rng, old, width)
    return config


def _draw(parameter: Parameter, rng: np.random.Generator, old: object, width: float) -> object:
    if isinstance(parameter, Choice):
        if old is not None and rng.random() > width:
            return old
        return parameter.options[rng.integers(len(parameter.options))]
    at = rng.random()
    if old is not None:
        at = float(np.clip(position(parameter, old) + width * rng.standard_normal() * (rng.random() < 0.5), 0, 1))
    low, high = float(parameter.low), float(parameter.high)
    value = low * (high / low) ** at if parameter.log else low + (high - low) * at
    return parameter.nearest(value) if isinstance(parameter, Float) else round(value)


def position(parameter: Float | Int, value: object) -> float:
    """Return where in its range a value lies, from 0 to 1, taken in the logarithm for a logarithmic range."""
    low, high, at = float(parameter.low), float(parameter.high), float(value)  # type: ignore[arg-type]  # a number
    return math.log(at / low) / math.log(high / low) if parameter.log else (at - low) / (high - low)


def positions(parameters: dict[str, Parameter], config: Config) -> np.ndarray:
    """Return the configuration as numbers from 0 to 1, with an option by its index and what is inactive as 0.5."""
    found = []
    for name, parameter in parameters.items():
        if name not in config:
            found.append(0.5)
        elif isinstance(parameter, Choice):
            found.append(parameter.options.index(config[name]) / max(1, len(parameter.options) - 1))
        else:
            found.append(position(parameter, config[name]))
    return np.array(found)
