"""On which nodes workers fit, and which of them to end so that a larger one fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from search.space.per_trial import Shape

_EPS = 1e-9
_ALL_CHOICES = 8
"""So many GPUs of a node up to which every combination of them is looked at."""


@dataclass(frozen=True)
class Location:
    """Where a worker is: its node and, there, the numbers of the GPUs that it shares or owns."""

    node: str
    gpus: tuple[int, ...] = ()


@dataclass
class FreeResources:
    """What is free on one node."""

    cpus: float
    gpus: list[float] = field(default_factory=list)
    """The free share of each GPU, 1.0 for one that nobody uses."""

    def copy(self) -> FreeResources:
        """The same numbers, which can be changed apart."""
        return FreeResources(self.cpus, list(self.gpus))

    def fit(self, shape: Shape) -> tuple[int, ...] | None:
        """The GPUs that a worker would get, the fullest that suffice, as Ray chooses; None where it does not fit."""
        if self.cpus + _EPS < shape.cpus:
            return None
        if not shape.gpus:
            return ()
        if shape.gpus < 1:
            enough = [gpu for gpu, free in enumerate(self.gpus) if free + _EPS >= shape.gpus]
            return (min(enough, key=lambda gpu: self.gpus[gpu]),) if enough else None
        whole = [gpu for gpu, free in enumerate(self.gpus) if free + _EPS >= 1]
        count = int(shape.gpus)
        return tuple(whole[:count]) if len(whole) >= count else None

    def take(self, shape: Shape, gpus: Sequence[int], sign: int = 1) -> None:
        """Give a worker of this shape its resources on these GPUs, or with sign -1 take them back."""
        self.cpus -= sign * shape.cpus
        for gpu in gpus:
            if gpu < len(self.gpus):  # A node may have come back with fewer GPUs.
                self.gpus[gpu] -= sign * min(shape.gpus, 1.0)

    def has(self, shape: Shape, gpus: Sequence[int]) -> bool:
        """Whether a worker of this shape fits on these very GPUs."""
        return self.has_cpus(shape) and self.has_gpus(shape, gpus)

    def has_cpus(self, shape: Shape) -> bool:
        """Whether the cores suffice."""
        return self.cpus + _EPS >= shape.cpus

    def has_gpus(self, shape: Shape, gpus: Sequence[int]) -> bool:
        """Whether these GPUs suffice."""
        return all(self.gpus[gpu] + _EPS >= min(shape.gpus, 1.0) for gpu in gpus)


@dataclass(frozen=True)
class PlacedWorker:
    """A worker where it is."""

    shape: Shape
    location: Location
    cost: int = 1
    """What it costs to end it when it is free: 0 for an idle worker, 1 for one that trains."""


class Packing:
    """The free resources of all nodes while workers are placed on them one by one."""

    def __init__(self, nodes: Mapping[str, FreeResources], workers: Mapping[int, PlacedWorker]) -> None:
        """`nodes` holds empty nodes; workers of a node that is not among them are left out."""
        self._empty = nodes
        self.free = {name: node.copy() for name, node in nodes.items()}
        """What is free of each node."""
        self._workers = {number: worker for number, worker in workers.items() if worker.location.node in nodes}
        for worker in self._workers.values():
            self.place(worker.shape, worker.location)

    def place(self, shape: Shape, location: Location) -> None:
        """Give a worker of this shape its resources there."""
        self.free[location.node].take(shape, location.gpus)

    def find(self, shape: Shape) -> Location | None:
        """Where a worker of this shape fits, on the node that it fills best; None where it fits nowhere."""
        found = [
            (free, Location(name, gpus)) for name, free in self.free.items() if (gpus := free.fit(shape)) is not None
        ]
        if not found:
            return None
        return min(found, key=lambda item: (sum(item[0].gpus), item[0].cpus))[1]

    def could_hold(self, shape: Shape) -> bool:
        """Whether a worker of this shape would fit on some node if that were empty."""
        return any(node.fit(shape) is not None for node in self._empty.values())

    def cheapest(self, spared: Iterable[int]) -> int | None:
        """The number of the worker that costs least to end, not one of the `spared`; None where there is none."""
        movable = {number: worker.cost for number, worker in self._workers.items() if number not in set(spared)}
        return min(movable, key=lambda number: movable[number], default=None)

    def make_space(self, shape: Shape, spared: Iterable[int] = ()) -> tuple[Location, set[int]] | None:
        """Where a worker of this shape fits once the fewest others have ended, and the numbers of those.

        None where it would not fit if all but the `spared` ended.
        """
        movable = {number: worker for number, worker in self._workers.items() if number not in set(spared)}
        options = [option for name in self.free for option in self._options(name, shape, movable)]
        return min(options, key=lambda option: _cost(option[1], movable), default=None)

    def _options(
        self, name: str, shape: Shape, movable: Mapping[int, PlacedWorker]
    ) -> Iterator[tuple[Location, set[int]]]:
        here = {number: worker for number, worker in movable.items() if worker.location.node == name}
        # Cheap ones are ended before others, and of equal ones those with more GPUs, then with more cores.
        order = sorted(here, key=lambda number: (here[number].cost, -here[number].shape.gpus, -here[number].shape.cpus))
        for gpus in self._gpu_choices(name, shape, here):
            free, ended = self.free[name].copy(), set[int]()
            for number in order:  # First those on the GPUs that are wanted.
                worker = here[number]
                if not free.has_gpus(shape, gpus) and set(worker.location.gpus) & set(gpus):
                    free.take(worker.shape, worker.location.gpus, sign=-1)
                    ended.add(number)
            for number in order:  # Then any, for their cores.
                worker = here[number]
                if not free.has_cpus(shape) and number not in ended:
                    free.take(worker.shape, worker.location.gpus, sign=-1)
                    ended.add(number)
            if free.has(shape, gpus):
                yield Location(name, gpus), ended

    def _gpu_choices(self, name: str, shape: Shape, here: Mapping[int, PlacedWorker]) -> Iterator[tuple[int, ...]]:
        if not shape.gpus:
            yield ()
            return
        count = max(1, int(shape.gpus))
        gpus = range(len(self._empty[name].gpus))
        if len(gpus) <= _ALL_CHOICES:
            yield from combinations(gpus, count)
            return
        burden = {gpu: sum(worker.cost for worker in here.values() if gpu in worker.location.gpus) for gpu in gpus}
        yield tuple(sorted(sorted(gpus, key=lambda gpu: burden[gpu])[:count]))


def _cost(ended: set[int], movable: Mapping[int, PlacedWorker]) -> tuple[int, int]:
    return sum(movable[number].cost for number in ended), len(ended)
