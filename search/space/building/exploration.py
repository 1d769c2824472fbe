"""Which hyperparameters a build asks for, and under what conditions, found out by building.

A build is seen as a function: values of some hyperparameters -> those that it asks for, each with its range. From a
first build on, each one's values are tried in turn while the others stay, so that those which show at some of these
values only come to light, and in their turn are tried where they show. A condition is then one set of values for each
hyperparameter on which another depends. Builds at random values hold what was found against what is asked for.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from search.space.parameters import Choice, Float, Int, Parameter, with_conditions
from search.space.values import same, text_of

BUILDS = 1000
"""Builds after which a model that goes on to show new hyperparameters is given up."""
DEPTH = 40
"""How often hyperparameters may show that depend on one found just before."""
EACH = 12
"""Ranges of so many values are tried value by value, longer ones at `SPREAD` of them."""
SPREAD = 7
CHECKS = (4, 24)
"""Builds at random values, fewer for larger models: so many that they have about `LAYERS` layers together."""
LAYERS = 2000

Values = Mapping[str, object]


class Undeclarable(Exception):
    """What the build asks for cannot be written down as ranges with conditions; the message says why."""


@dataclass(frozen=True)
class Constant:
    """A hyperparameter with a single value."""

    value: object


@dataclass(frozen=True)
class Build:
    """What one build has shown."""

    values: dict[str, object]
    """Those that it asked for, in order, with the values that it got."""
    ranges: dict[str, Parameter | Constant]
    named: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """Values of others that its declared conditions name."""
    layers: int = 1
    error: str | None = None
    """Why it failed, in which case it may not have asked for everything."""
    momentum: float | None = None
    """The largest momentum of its layers of batch normalization; None without any, and where its own `fit` trains."""


@dataclass
class Found:
    """What exploring has found."""

    parameters: dict[str, Parameter]
    constants: dict[str, object]
    failures: list[str]
    """Builds that failed, with the value that made them fail and the reason."""


def explore(build: Callable[[Values], Build]) -> Found:
    """All that the build asks for at any values; raises Undeclarable, and ValueError where the first build fails."""
    return _Exploration(build).run()


class _Exploration:
    def __init__(self, build: Callable[[Values], Build]) -> None:
        self._build = build
        self._seen: dict[str, Build] = {}
        self._witness: dict[str, Build] = {}
        self._ranges: dict[str, Parameter | Constant] = {}
        self._named: dict[str, list[object]] = {}
        self._failures: dict[str, str] = {}
        self._parents: set[str] = set()
        """Those on which something depends."""

    def run(self) -> Found:
        first = self._at({})
        if first.error is not None:
            raise ValueError(first.error)
        self._vary_new(first)
        rng = random.Random(0)
        least, most = CHECKS
        checks = max(least, min(most, LAYERS // max(1, first.layers)))
        while (surprise := self._surprise(rng, checks)) is not None:
            self._parents.update(surprise.values)  # Any of them may be what the new one depends on.
            self._vary_new(surprise)
        constants = {name: one.value for name, one in self._ranges.items() if isinstance(one, Constant)}
        return Found(self._declared(), constants, [f"{at}: {error}" for at, error in self._failures.items()])

    def _at(self, values: Values) -> Build:
        """The build at these values, done once."""
        key = text_of(sorted(values.items(), key=lambda item: item[0]))
        if key not in self._seen:
            if len(self._seen) >= BUILDS:
                raise Undeclarable(f"new hyperparameters still show after {BUILDS} builds")
            built = self._seen[key] = self._build(values)
            for name, found in built.ranges.items():
                if self._ranges.setdefault(name, found) != found:
                    raise Undeclarable(f"{name!r} has several ranges")
            for name, named in built.named.items():
                self._named.setdefault(name, []).extend(named)
        return self._seen[key]

    def _vary_new(self, built: Build) -> None:
        """Try all values of what this build shows first, then of what shows at these, and so on."""
        waiting = [(built, 0)]
        while waiting:
            base, depth = waiting.pop(0)
            if depth > DEPTH:
                raise Undeclarable("each hyperparameter brings a further one")
            new = [name for name in base.values if name not in self._witness]
            self._witness.update(dict.fromkeys(new, base))
            for name in new:
                for value in self._tried(name):
                    other = self._at({**base.values, name: value})
                    if other.error is not None:
                        self._failures.setdefault(f"{name}={text_of(value)}", other.error)
                    elif other.values.keys() != base.values.keys():
                        self._parents.add(name)
                    if any(shown not in self._witness for shown in other.values):
                        self._parents.add(name)
                        waiting.append((other, depth + 1))

    def _tried(self, name: str) -> list[object]:
        """Values to build with: all of them, or, of a long or continuous range, some from end to end."""
        one = self._ranges[name]
        if isinstance(one, Constant):
            return [one.value]
        values = one.values()
        if isinstance(one, Choice) or (values is not None and len(values) <= EACH):
            return list(values or ())
        extra = [value for value in self._named.get(name, ()) if values is None or value in values]
        return sorted({*_spread(one), *extra})  # type: ignore[type-var]  # numbers

    def _asks(self, name: str, base: Build, parent: str, value: object) -> bool:
        """Whether the build asks for it with another value of a parent; one that fails would not train anyway."""
        built = self._at({**base.values, parent: value})
        return name in built.values or built.error is not None

    def _declared(self) -> dict[str, Parameter]:
        declared: dict[str, Parameter] = {}
        for name, base in self._witness.items():
            one = self._ranges[name]
            if isinstance(one, Constant):
                continue
            when: dict[str, tuple[object, ...]] = {}
            for parent in base.values:
                if parent != name and parent in self._parents and not isinstance(self._ranges[parent], Constant):
                    wanted = self._wanted(name, base, parent)
                    if wanted is not None:
                        when[parent] = wanted
            declared[name] = with_conditions(one, when)
        return declared

    def _wanted(self, name: str, base: Build, parent: str) -> tuple[object, ...] | None:
        """The parent's values at which the build asks for it; None: all of them."""
        tried = self._tried(parent)
        asked = [self._asks(name, base, parent, value) for value in tried]
        if all(asked):
            return None
        values = self._ranges[parent].values()  # type: ignore[union-attr]  # no constant
        if values is None:
            raise Undeclarable(f"{name!r} shows at some values of the continuous {parent!r} only")
        if len(values) == len(tried):
            return tuple(value for value, asks in zip(tried, asked, strict=True) if asks)
        return self._between(name, base, parent, list(values), dict(zip(tried, asked, strict=True)))

    def _between(
        self, name: str, base: Build, parent: str, values: list[object], known: dict[object, bool]
    ) -> tuple[object, ...]:
        """As `_wanted` for a long range: where two values that were tried differ, the one between them is tried."""
        tried = [index for index, value in enumerate(values) if value in known]
        for start, end in itertools.pairwise(tried):
            low, high = start, end
            while high - low > 1 and known[values[low]] != known[values[high]]:
                middle = (low + high) // 2
                asks = known[values[middle]] = self._asks(name, base, parent, values[middle])
                low, high = (middle, high) if asks == known[values[low]] else (low, middle)
        wanted, asks = [], False
        for value in values:
            asks = known.get(value, asks)
            if asks:
                wanted.append(value)
        return tuple(wanted)

    def _surprise(self, rng: random.Random, checks: int) -> Build | None:
        """A build at random values that shows a new hyperparameter; raises Undeclarable where a condition is wrong."""
        declared = self._declared()
        for _ in range(checks):
            values = _random(declared, self._ranges, rng)
            built = self._at(values)
            if any(name not in self._witness for name in built.values):
                return built
            searched = {name for name in built.values if not isinstance(self._ranges[name], Constant)}
            drawn = {name for name in values if name in declared}
            if built.error is None and searched != drawn:
                raise Undeclarable(f"{sorted(searched ^ drawn)[0]!r} shows under conditions that depend on each other")
        return None


def _spread(one: Int | Float) -> list[float]:
    """Some values from end to end, the ends among them."""
    values = one.values()
    if values is not None:
        return [values[round(i * (len(values) - 1) / (SPREAD - 1))] for i in range(SPREAD)]
    shares = [i / (SPREAD - 1) for i in range(SPREAD)]
    if one.log:
        return [one.low, *(one.low * math.pow(one.high / one.low, share) for share in shares[1:-1]), one.high]
    return [one.low, *(one.low + share * (one.high - one.low) for share in shares[1:-1]), one.high]


def _random(
    declared: Mapping[str, Parameter], ranges: Mapping[str, Parameter | Constant], rng: random.Random
) -> dict[str, object]:
    """A configuration of what is declared, parents first."""
    values: dict[str, object] = {name: one.value for name, one in ranges.items() if isinstance(one, Constant)}
    waiting = dict(declared)
    while waiting:
        for name, one in list(waiting.items()):
            if any(parent in waiting for parent in one.when):
                continue
            del waiting[name]
            if all(any(same(values.get(p), value) for value in wanted) for p, wanted in one.when.items()):
                options = one.values()
                values[name] = rng.uniform(one.low, one.high) if options is None else rng.choice(options)  # type: ignore[union-attr]  # only a Float has no values
    return values
