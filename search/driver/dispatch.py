"""Which worker runs which trial: warm workers for each shape of resources that trials ask for, none starved.

A worker that is free takes the next trial of its own shape. Trials of other shapes wait in hand, and when one has
waited for about a turn of all workers, those that stand in its place are ended as they become free. No Ray.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.driver.ledger import Ledger, Next
from search.driver.placement import Floor, Place, Room, Seated
from search.space.per_trial import Shape
from search.trial.messages import Ending, Report, TrialSpec

AHEAD_FROM = 0.02
"""Time of a proposal, as a share of a trial's, from which trials are proposed ahead."""

PATIENCE = 4
"""A trial in hand is passed over so often, or once by every worker, before workers of other shapes make room for it."""


@dataclass
class Member:
    """A worker, from the order for it to its end."""

    shape: Shape
    trial_id: str | None
    place: Place | None = None
    """Where it is; None until it has started."""
    resting: bool = False
    parked: bool = False
    """It keeps a node that does not fit from being given to others."""
    since: float = 0.0
    """When it was handed its trial."""


@dataclass
class Waiting:
    """A trial in hand."""

    spec: TrialSpec
    shape: Shape
    passed: int = 0
    """Trials that were given out while it waited."""


class Crew:
    """The workers of a search, and the trials in hand."""

    def __init__(
        self,
        ledger: Ledger,
        shape_of: Callable[[TrialSpec], Shape],
        shapes: tuple[Shape, ...],
        rooms: Callable[[], Mapping[str, Room]],
        limit: int | None = None,
    ) -> None:
        self.members: dict[int, Member] = {}
        self.hand: list[Waiting] = []
        self.finished = False
        self._ledger, self._shape_of, self._shapes, self._rooms, self._limit = ledger, shape_of, shapes, rooms, limit
        self._count = 0
        self._dry = False
        """Whether the ledger had nothing more when it was asked last."""
        self._resting_pays = False
        """Whether the ledger's last answer was that there may be more later."""
        self._stuck: set[Shape] = set()
        self._trial_s = math.inf
        """How long a worker has had a trial, of late."""

    # Workers come and go

    def hire(self) -> tuple[int, TrialSpec, Shape] | None:
        """An order for another worker: its number and first trial; None while there is no room or nothing to do."""
        if self._over():
            return None
        if self._limit is not None and self._strength() >= self._limit:
            return None
        floor, _, ready = self._survey()
        resting = self._resting()
        for waiting in self.hand:
            if waiting in ready or (waiting.shape not in resting and floor.find(waiting.shape)):
                return self._order(waiting)
        while len(self.hand) < self._ahead() and any(floor.find(s) for s in self._shapes if s not in resting):
            drawn = self._draw()
            if drawn is None:
                break
            if drawn.shape not in resting and floor.find(drawn.shape):
                return self._order(drawn)
        # Where no node has room at all Tune must have an order all the same: it would not turn its loop without.
        return self._order(self.hand[0]) if self.hand and not self.members else None

    def _order(self, waiting: Waiting) -> tuple[int, TrialSpec, Shape]:
        self._count += 1
        self.members[self._count] = Member(waiting.shape, waiting.spec.trial_id)
        self._give(waiting)
        return self._count, waiting.spec, waiting.shape

    def seat(self, worker: int, place: Place) -> None:
        """A worker has started, there."""
        self.members[worker].place, self.members[worker].since = place, time.monotonic()

    def park(self, worker: int) -> None:
        """A worker stays where it is and gets no trial; its own has been given back."""
        member = self.members[worker]
        member.parked, member.trial_id = True, None

    def leave(self, worker: int) -> str | None:
        """A worker is gone; the trial that it had."""
        member = self.members.pop(worker, None)
        return member.trial_id if member else None

    # What a free worker does

    def next_for(self, worker: int) -> TrialSpec | Next:
        """The next trial of a worker that has none; REST: later perhaps; FINISHED: it should end."""
        member = self.members[worker]
        self._note_length(member)
        member.trial_id, member.resting = None, True
        if self._over():
            return Next.FINISHED
        if member.parked:
            return Next.REST
        _, ended, _ = self._survey()
        if worker in ended:
            return Next.FINISHED
        found = next((waiting for waiting in self.hand if waiting.shape == member.shape), None)
        answer = Next.REST
        while found is None and len(self.hand) < self._ahead():
            drawn = self._draw()
            if drawn is None:
                answer = Next.REST if self._resting_pays else Next.FINISHED
                break
            found = drawn if drawn.shape == member.shape else None
        if found is not None:
            member.trial_id, member.resting, member.since = found.spec.trial_id, False, time.monotonic()
            self._give(found)
            return found.spec
        _, ended, _ = self._survey()  # What has been drawn since may have made a place wanted.
        return Next.FINISHED if worker in ended else answer

    def prepare(self) -> None:
        """Propose a trial while all workers have one, so that the next that is free need not wait for its proposal.

        Only where the wait would be felt (a long history or a slow sampler, short trials): a proposal that is made
        ahead does not know the trials that end in the meantime. With one worker never: a search is then the same
        each time.
        """
        workers = self._strength()
        if self.finished or self._dry or self._ledger.closing or self._ledger.fault or workers < 2:
            return
        share = self._ledger.proposal_s / self._trial_s
        if share < AHEAD_FROM or any(m.trial_id is None and not m.parked for m in self.members.values()):
            return
        if len(self.hand) < min(workers, math.ceil(2 * workers * share)):
            self._draw()

    def _note_length(self, member: Member) -> None:
        if member.trial_id is not None:
            length = time.monotonic() - member.since
            self._trial_s = length if math.isinf(self._trial_s) else 0.8 * self._trial_s + 0.2 * length

    def _give(self, given: Waiting) -> None:
        self.hand.remove(given)
        for waiting in self.hand:
            waiting.passed += 1

    def _over(self) -> bool:
        """Whether the search is over or being closed; what is in hand is then left for a resume."""
        if self._ledger.closing or self._ledger.fault:
            for waiting in self.hand:
                self._ledger.take(Report(waiting.spec.trial_id, end=Ending("interrupted")))
            self.hand = []
        if not self.finished and not self.hand and not self._ledger.live:
            self._draw()
        return self.finished or self._ledger.closing or self._ledger.fault is not None

    # What is in hand

    def _draw(self) -> Waiting | None:
        """One more trial into the hand; None when the ledger has none now."""
        found = self._ledger.next()
        self._dry = not isinstance(found, TrialSpec)
        self._resting_pays = found is Next.REST
        self.finished = found is Next.FINISHED
        if not isinstance(found, TrialSpec):
            return None
        self.hand.append(Waiting(found, self._shape_of(found)))
        return self.hand[-1]

    def _ahead(self) -> int:
        """How many trials may be in hand: as many as there are workers, at least one of each shape."""
        return max(2 * len(self._shapes), self._strength())

    def _resting(self) -> set[Shape]:
        """Shapes of the workers that wait for a trial."""
        return {m.shape for m in self.members.values() if m.resting and not m.parked}

    def _strength(self) -> int:
        return sum(not m.parked for m in self.members.values())

    def _is_due(self, waiting: Waiting) -> bool:
        full = len(self.hand) >= self._ahead() and waiting is self.hand[0]
        return self._dry or full or waiting.passed >= max(PATIENCE, self._strength())

    def _survey(self) -> tuple[Floor, set[int], list[Waiting]]:
        """The room that is left behind those whose turn it is, the workers in their places, and who need not wait."""
        rooms = self._rooms()
        seated = {
            worker: Seated(m.shape, m.place, cost=int(not m.resting))
            for worker, m in self.members.items()
            if m.place is not None
        }
        floor, ended = Floor(rooms, seated), {w for w, m in self.members.items() if m.parked}
        parked = set(ended)
        strength, ready = self._strength(), []
        idle = self._resting()
        due = [waiting for waiting in self.hand if self._is_due(waiting) and waiting.shape not in idle]
        starting: list[Member | Waiting] = [m for m in self.members.values() if m.place is None]
        for one in [*starting, *due]:
            place, standing = floor.find(one.shape), set[int]()
            if place is None:
                freed = floor.make_room(one.shape, spared=ended)
                if freed is None:
                    self._tell_stuck(floor, one.shape)
                    continue
                place, standing = freed
            if isinstance(one, Waiting):
                strength += 1
                if self._limit is not None and strength - len(ended - parked) - len(standing) > self._limit:
                    standing |= {worker for worker in (floor.cheapest(ended),) if worker is not None}
                if not standing:
                    ready.append(one)
            ended |= standing
            floor.seat(one.shape, place)
        return floor, ended - parked, ready

    def _tell_stuck(self, floor: Floor, shape: Shape) -> None:
        if shape not in self._stuck and not floor.could_hold(shape):
            self._stuck.add(shape)
            self._ledger.events.append(f"a trial waits for {shape.describe()}, which no node has at the moment")
