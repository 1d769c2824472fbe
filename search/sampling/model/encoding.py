"""Parameters as numbers from 0 to 1, for a model: of trials that were, and of candidates that could be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Array = np.ndarray[Any, np.dtype[np.float64]]
INACTIVE = 0.5
"""Where a parameter stands that a configuration does not have."""


@dataclass(frozen=True)
class Axis:
    """One parameter: numbers of a range by their place in it, options by their index.

    Options that are all numbers have an order, and so have two options; three or more others have none.
    """

    name: str
    low: float
    high: float
    log: bool
    bins: int
    """Values of a parameter that has only so many; 0: any real number."""
    distribution: BaseDistribution

    @property
    def unordered(self) -> bool:
        """Whether any two of its values are equally far apart."""
        return isinstance(self.distribution, CategoricalDistribution) and not _is_ordered(self.distribution.choices)

    def place(self, value: Any) -> float:
        """From 0 to 1; equal shares for the values of a parameter that is no continuous range."""
        if isinstance(self.distribution, CategoricalDistribution):
            return (self._order().index(self.distribution.to_internal_repr(value)) + 0.5) / self.bins
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return float((value - self.low) / (self.high - self.low))

    def value(self, place: float) -> Any:
        """The value whose share of the range the place lies in."""
        if isinstance(self.distribution, CategoricalDistribution):
            return self.distribution.choices[int(self._order()[min(self.bins - 1, int(place * self.bins))])]
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        low, high = self.distribution.low, self.distribution.high
        width = self.high - self.low
        exact = self.low * (self.high / self.low) ** place if self.log else self.low + width * place
        if isinstance(self.distribution, IntDistribution):
            step = self.distribution.step
            return int(min(high, max(low, low + round((exact - low) / step) * step)))
        if self.distribution.step is not None:
            exact = low + round((exact - low) / self.distribution.step) * self.distribution.step
        return float(min(high, max(low, exact)))

    def snap(self, places: Array) -> Array:
        """The places of the values that stand there."""
        if not self.bins:
            return places
        if not self.log:
            return (np.minimum(self.bins - 1, np.floor(places * self.bins)) + 0.5) / self.bins
        width = math.log(self.high / self.low)
        whole = np.clip(np.round(self.low * np.exp(width * places)), self.low + 0.5, self.high - 0.5)
        return np.asarray(np.log(whole / self.low) / width)

    def _order(self) -> list[float]:
        assert isinstance(self.distribution, CategoricalDistribution)
        choices = self.distribution.choices
        indexes = [float(i) for i in range(len(choices))]
        return sorted(indexes, key=lambda i: choices[int(i)]) if _are_numbers(choices) else indexes  # type: ignore[arg-type,return-value]  # numbers


def _are_numbers(choices: Sequence[object]) -> bool:
    return all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)


def _is_ordered(choices: Sequence[object]) -> bool:
    return len(choices) <= 2 or _are_numbers(choices)


def axis(name: str, of: BaseDistribution) -> Axis:
    """The axis of a parameter with that distribution."""
    if isinstance(of, CategoricalDistribution):
        return Axis(name, 0, 1, False, len(of.choices), of)
    assert isinstance(of, FloatDistribution | IntDistribution)
    if of.step is None:
        return Axis(name, of.low, of.high, of.log, 0, of)
    half = of.step / 2
    bins = round((of.high - of.low) / of.step) + 1
    return Axis(name, of.low - half, of.high + half, of.log, bins, of)


class Encoding:
    """The parameters of a study that have more than one value, as columns of a matrix."""

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.axes = [axis(name, of) for name, of in distributions.items() if not of.single()]
        self.groups = np.array(
            [group for group, axis in enumerate(self.axes) for _ in range(axis.bins if axis.unordered else 1)], int
        )
        """The axis of each column of `features`."""

    def places(self, params: Mapping[str, Any]) -> Array:
        """A trial's parameters from 0 to 1; NaN for what it does not have or what is outside the range."""
        found = np.full(len(self.axes), np.nan)
        for column, of in enumerate(self.axes):
            if of.name in params and of.distribution._contains(of.distribution.to_internal_repr(params[of.name])):
                found[column] = of.place(params[of.name])
        return found

    def values(self, places: Array) -> dict[str, Any]:
        """Parameters from their places; NaN is left out."""
        found = zip(self.axes, places, strict=True)
        return {axis.name: axis.value(float(at)) for axis, at in found if not math.isnan(at)}

    def snap(self, places: Array) -> Array:
        """A matrix of places, moved to those of values."""
        return np.column_stack([of.snap(column) for of, column in zip(self.axes, places.T, strict=True)])

    def features(self, places: Array) -> Array:
        """What distances are measured on: a column for an ordered axis, one for each option of an unordered one."""
        columns: list[Array] = []
        for of, at in zip(self.axes, places.T, strict=True):
            if of.unordered:
                # Two different options are 1 apart; an option and none at all are half that.
                columns += [np.where(np.floor(at * of.bins) == option, 0.5**0.5, 0.0) for option in range(of.bins)]
            else:
                columns.append(np.where(np.isnan(at), INACTIVE, at))
        return np.column_stack(columns)
