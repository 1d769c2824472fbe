"""Other settings for a trial that follows another: a step away from the values of its parent, or drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from search.population import Population
from search.space import Choice, Config, Float, Int, Parameter, Space, same

FACTORS = (0.8, 1.2)
"""By one of them a value is multiplied whose range is logarithmic, as published."""
STEP = 0.1
"""By this share of its range any other number moves up or down: a factor would never leave 0."""


def explored(config: Config, space: Space, population: Population, rng: Random) -> Config:
    """The configuration of its parent with other values of what the population changes, as far as that is active."""
    names = [name for name in population.change if name in config]
    return {**config, **{name: _other(space.parameters[name], config[name], population, rng) for name in names}}


def _other(parameter: Parameter, value: object, population: Population, rng: Random) -> object:
    anew = rng.random() < population.resample
    if isinstance(parameter, Choice):
        others = [option for option in parameter.options if not same(option, value)]
        return rng.choice(others) if others else value
    number = float(str(value))
    if anew:
        return _within(parameter, _drawn(parameter, rng.random()))
    moves = [lambda x, f=factor: x * f for factor in FACTORS]
    if not parameter.log:
        wide = STEP * (parameter.high - parameter.low)
        moves = [lambda x, by=by: x + by for by in (-max(wide, parameter.step or 0), max(wide, parameter.step or 0))]
    rng.shuffle(moves)
    return next((to for move in moves if (to := _moved(parameter, number, move)) != value), value)


def _moved(parameter: Float | Int, value: float, move: Callable[[float], float]) -> float | int:
    """The value after a move, which in a reverse logarithm is one of its distance from the upper end."""
    if parameter.log == "reverse":
        return _within(parameter, parameter.low + parameter.high - move(parameter.low + parameter.high - value))
    to = move(value)
    if isinstance(parameter, Int) and parameter.log and abs(to - value) < 1:
        to = value + (1 if to > value else -1)
    return _within(parameter, to)


def _drawn(parameter: Float | Int, share: float) -> float:
    """The value at this share of the range, as it is sampled."""
    low, high = float(parameter.low), float(parameter.high)
    if not parameter.log:
        return low + share * (high - low)
    drawn: float = low * (high / low) ** share
    return low + high - drawn if parameter.log == "reverse" else drawn


def _within(parameter: Float | Int, value: float) -> float | int:
    """The nearest value of the parameter."""
    value = min(max(value, parameter.low), parameter.high)
    if isinstance(parameter, Float):
        return min(parameter.nearest(value), float(parameter.high))
    return (
        parameter.low
        + min(round((value - parameter.low) / parameter.step), len(parameter.values()) - 1) * parameter.step
    )
