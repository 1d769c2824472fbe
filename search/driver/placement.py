"""Where the workers of a cluster sit, what room is left, and whom to end so that a larger one fits. No Ray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from search.space.per_trial import Shape

_EPS = 1e-9


@dataclass(frozen=True)
class Place:
    """A node and, on it, the numbers of the cards that a worker shares or owns."""

    node: str
    cards: tuple[int, ...] = ()


@dataclass
class Room:
    """What is free on one node."""

    cpus: float
    cards: list[float] = field(default_factory=list)
    """Free share of each GPU."""

    def fit(self, shape: Shape) -> tuple[int, ...] | None:
        """The cards that a worker would get, the fullest that suffice, as Ray chooses; None where it does not fit."""
        if self.cpus + _EPS < shape.cpus:
            return None
        if not shape.gpus:
            return ()
        if shape.gpus < 1:
            enough = [card for card, free in enumerate(self.cards) if free + _EPS >= shape.gpus]
            return (min(enough, key=lambda card: self.cards[card]),) if enough else None
        whole = [card for card, free in enumerate(self.cards) if free + _EPS >= 1]
        count = int(shape.gpus)
        return tuple(whole[:count]) if len(whole) >= count else None

    def take(self, shape: Shape, cards: Sequence[int], sign: int = 1) -> None:
        """Give room to a worker, or with sign -1 take it back."""
        self.cpus -= sign * shape.cpus
        for card in cards:
            if card < len(self.cards):  # A node that has come back with fewer cards.
                self.cards[card] -= sign * min(shape.gpus, 1.0)


@dataclass(frozen=True)
class Seated:
    """A worker in its place."""

    shape: Shape
    place: Place
    cost: int = 1
    """What it costs to end it, when it is free: 0 for one that is, 1 for one that trains."""


class Floor:
    """The free room of all nodes, as workers are seated one by one."""

    def __init__(self, nodes: Mapping[str, Room], seated: Mapping[int, Seated]) -> None:
        self._whole = nodes
        self._rooms = {name: Room(room.cpus, list(room.cards)) for name, room in nodes.items()}
        self._seated = {worker: s for worker, s in seated.items() if s.place.node in nodes}
        for one in self._seated.values():
            self.seat(one.shape, one.place)

    def seat(self, shape: Shape, place: Place) -> None:
        """Take the room of a worker."""
        self._rooms[place.node].take(shape, place.cards)

    def find(self, shape: Shape) -> Place | None:
        """A place with room for a worker, on the node that it fills best; None where there is none."""
        found = [
            (room, Place(name, cards)) for name, room in self._rooms.items() if (cards := room.fit(shape)) is not None
        ]
        if not found:
            return None
        return min(found, key=lambda item: (sum(item[0].cards), item[0].cpus))[1]

    def could_hold(self, shape: Shape) -> bool:
        """Whether some node would have room if it were empty."""
        return any(Room(room.cpus, list(room.cards)).fit(shape) is not None for room in self._whole.values())

    def cheapest(self, spared: Iterable[int]) -> int | None:
        """The worker that costs least to end."""
        movable = {w: s.cost for w, s in self._seated.items() if w not in set(spared)}
        return min(movable, key=lambda worker: movable[worker], default=None)

    def make_room(self, shape: Shape, spared: Iterable[int] = ()) -> tuple[Place, set[int]] | None:
        """The place that is freed by ending the fewest workers, and those; None where it would not fit at all."""
        movable = {w: s for w, s in self._seated.items() if w not in set(spared)}
        options = [option for name in self._rooms for option in self._options(name, shape, movable)]
        return min(options, key=lambda option: _cost(option[1], movable), default=None)

    def _options(self, name: str, shape: Shape, movable: Mapping[int, Seated]) -> Iterator[tuple[Place, set[int]]]:
        here = {w: s for w, s in movable.items() if s.place.node == name}
        for cards in self._card_choices(name, shape, here):
            room = Room(self._rooms[name].cpus, list(self._rooms[name].cards))
            ended: set[int] = set()
            # Those on the cards first, the cheap ones before the others; then any, for their CPUs.
            order = sorted(here, key=lambda w: (here[w].cost, -here[w].shape.gpus, -here[w].shape.cpus))
            for on_cards in (True, False):
                for worker in order:
                    one = here[worker]
                    enough = room.cpus + _EPS >= shape.cpus if not on_cards else _cards_free(room, shape, cards)
                    if enough or worker in ended or (on_cards and not set(one.place.cards) & set(cards)):
                        continue
                    room.take(one.shape, one.place.cards, sign=-1)
                    ended.add(worker)
            if room.cpus + _EPS >= shape.cpus and _cards_free(room, shape, cards):
                yield Place(name, cards), ended

    def _card_choices(self, name: str, shape: Shape, here: Mapping[int, Seated]) -> Iterator[tuple[int, ...]]:
        if not shape.gpus:
            yield ()
            return
        count = max(1, int(shape.gpus))
        cards = range(len(self._whole[name].cards))
        if len(cards) <= 8:
            yield from combinations(cards, count)
            return
        burden = {card: sum(s.cost for s in here.values() if card in s.place.cards) for card in cards}
        yield tuple(sorted(sorted(cards, key=lambda card: burden[card])[:count]))


def _cards_free(room: Room, shape: Shape, cards: Sequence[int]) -> bool:
    return all(room.cards[card] + _EPS >= min(shape.gpus, 1.0) for card in cards)


def _cost(ended: set[int], movable: Mapping[int, Seated]) -> tuple[int, int]:
    return sum(movable[worker].cost for worker in ended), len(ended)
