"""Which worker runs which trial: warm workers for each shape of resources that trials ask for, none starved.

A worker that is free takes the next trial of its own shape. Trials of other shapes stay pending, and when one has
waited for about a turn of all workers, those that stand in its way are ended as they become free.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.driver.search import Search
from search.driver.trial_queue import NoTrial
from search.driver.workers.ahead import Ahead
from search.driver.workers.dispatched import DispatchedWorker
from search.driver.workers.placement import FreeResources, Location, Packing, PlacedWorker
from search.space.per_trial import Shape
from search.trial.messages import TrialSpec

PATIENCE = 4
"""After so many others, or as many as there are workers, a pending trial has workers of other shapes ended for it."""


@dataclass(frozen=True)
class _Reservations:
    """What follows from giving every pending trial that is due its place, in thought."""

    packing: Packing
    """The nodes with those trials on them."""
    to_end: set[int]
    """Workers that end, once they are free, to make space."""
    ready: list[TrialSpec]
    """Pending trials that fit without that."""


class Dispatcher:
    """Leads the workers of a search: when one is started, what it trains, when it ends."""

    def __init__(
        self,
        search: Search,
        shapes: tuple[Shape, ...],
        nodes: Callable[[], Mapping[str, FreeResources]],
        limit: int | None = None,
    ) -> None:
        """`shapes` are all that trials may have, `nodes` tells what empty nodes have; at most `limit` workers."""
        self.workers: dict[int, DispatchedWorker] = {}
        self.pending: list[TrialSpec] = []
        """Trials that the queue has handed out and no worker has, the oldest first."""
        self.finished = False
        """Whether the queue has said that the search is over."""
        self._search, self._queue, self._shapes, self._nodes, self._limit = search, search.queue, shapes, nodes, limit
        self._started = 0
        self._passed: Counter[str] = Counter()
        """How many trials were given out while a pending one waited, by its id."""
        self._queue_is_empty = False
        """Whether the queue had no trial when it was asked last."""
        self._announced: set[Shape] = set()
        self._ahead = Ahead(search.queue)

    # Workers come and go

    def order_worker(self) -> tuple[int, TrialSpec] | None:
        """The number of another worker to start, and its first trial; None while none fits or there is none to do."""
        if self._is_over():
            return None
        if self._limit is not None and self._usable() >= self._limit:
            return None
        reserved, idle = self._reserve(), self._idle_shapes()
        packing = reserved.packing
        for spec in self.pending:
            if spec in reserved.ready or (spec.shape not in idle and packing.find(spec.shape)):
                return self._order(spec)
        while len(self.pending) < self._most_pending() and any(packing.find(s) for s in self._shapes if s not in idle):
            drawn = self._take_next()
            if isinstance(drawn, NoTrial):
                break
            if drawn.shape not in idle and packing.find(drawn.shape):
                return self._order(drawn)
        # Where no node has space at all Tune must have an order all the same: its loop would stand still without.
        return self._order(self.pending[0]) if self.pending and not self.workers else None

    def _order(self, spec: TrialSpec) -> tuple[int, TrialSpec]:
        self._started += 1
        self.workers[self._started] = DispatchedWorker(spec.shape, spec.trial_id)
        self._search.trials.running[spec.trial_id].has_worker = True
        self._leave_pending(spec)
        return self._started, spec

    def start(self, number: int, location: Location) -> None:
        """The worker has started, there, with its first trial."""
        self.workers[number].location, self.workers[number].since = location, time.monotonic()

    def reserve_place(self, number: int) -> str | None:
        """Let the worker keep its place without a trial; the id of the trial that it had."""
        worker = self.workers[number]
        worker.reserves, trial_id, worker.trial_id = True, worker.trial_id, None
        self.take_back(number)
        return trial_id

    def is_stuck(self) -> bool:
        """Whether all workers only keep their places, and no node has space for another."""
        if self._usable():
            return False
        packing = self._reserve().packing
        return not any(packing.find(shape) for shape in self._shapes)

    def remove(self, number: int) -> str | None:
        """The worker is gone; the id of the trial that it had. One that it held may have begun, and is begun again."""
        worker = self.workers.pop(number, None)
        if worker is not None and worker.held is not None:
            self._search.trials.put_back(worker.held.trial_id)
        return worker.trial_id if worker else None

    # What a free worker does

    def next_trial(self, number: int) -> TrialSpec | NoTrial:
        """The next trial of a worker that has none, else whether the worker is kept or ends."""
        worker = self.workers[number]
        if worker.trial_id is not None:
            self._ahead.note(time.monotonic() - worker.since)
        worker.trial_id, worker.idle = None, True
        if self._is_over():
            return NoTrial.SEARCH_OVER
        if worker.reserves:
            return NoTrial.KEEP_WORKER
        if number in self._reserve().to_end:
            return NoTrial.END_WORKER
        if worker.held is not None:
            self._give(worker, worker.held)
            worker.held = None
            return NoTrial.HOLDS_ONE
        found = self._of_shape(worker.shape)
        if isinstance(found, TrialSpec):
            self._leave_pending(found)
            self._give(worker, found)
        elif number in self._reserve().to_end:  # A trial that became pending since may want its place.
            return NoTrial.END_WORKER
        return found

    def _of_shape(self, shape: Shape) -> TrialSpec | NoTrial:
        """The oldest pending trial of a shape, else the first that the queue has, as long as more may be pending."""
        if (found := self._pending_of(shape)) is not None:
            return found
        while len(self.pending) < self._most_pending():
            drawn = self._take_next()
            if isinstance(drawn, NoTrial) or drawn.shape == shape:
                return drawn
        return NoTrial.KEEP_WORKER

    def _pending_of(self, shape: Shape) -> TrialSpec | None:
        return next((spec for spec in self.pending if spec.shape == shape), None)

    def _give(self, worker: DispatchedWorker, spec: TrialSpec) -> None:
        worker.trial_id, worker.idle, worker.since = spec.trial_id, False, time.monotonic()
        self._search.trials.running[spec.trial_id].has_worker = True

    # A trial ahead of a free worker

    def to_hold(self, number: int) -> TrialSpec | None:
        """A trial that a worker, which has one, goes on with by itself; None where it is to ask for its next."""
        worker = self.workers[number]
        if worker.trial_id is None or worker.held is not None or worker.shape in self._idle_shapes():
            return None
        if not self._ahead.holds(self._usable(), len(self.pending)):
            return None
        found = self._pending_of(worker.shape)
        if found is None and len(self.pending) < self._most_pending():
            drawn = self._take_next()
            found = drawn if isinstance(drawn, TrialSpec) and drawn.shape == worker.shape else None
        if found is not None:
            self._leave_pending(found)
            worker.held = found
        return found

    def take_back(self, number: int) -> None:
        """The worker holds no trial any more: it is the next to be handed out."""
        worker = self.workers[number]
        if worker.held is not None:
            self.pending.insert(0, worker.held)
            worker.held = None

    def propose_ahead(self) -> None:
        """Propose a trial while all workers have one, so that the next that is free need not wait for its proposal."""
        usable = self._usable()
        if self.finished or self._queue_is_empty or self._queue.is_closed or usable < 2:
            return
        if any(w.trial_id is None and not w.reserves for w in self.workers.values()):
            return
        held = sum(w.held is not None for w in self.workers.values())
        if len(self.pending) + held < self._ahead.most(usable):
            self._take_next()

    def _leave_pending(self, spec: TrialSpec) -> None:
        self.pending.remove(spec)
        self._passed.pop(spec.trial_id, None)
        self._passed.update(other.trial_id for other in self.pending)

    def _is_over(self) -> bool:
        """Whether no trial is handed out any more; what is pending then goes back to the queue, for a resume."""
        if self._queue.is_closed:
            for spec in self.pending:
                self._search.trials.put_back(spec.trial_id)
            self.pending = []
        if not self.finished and not self.pending and not self._search.trials.running:
            self._take_next()
        return self.finished or self._queue.is_closed

    # Pending trials and their places

    def _take_next(self) -> TrialSpec | NoTrial:
        """One more trial of the queue, pending from now on, or its answer that it has none now."""
        found = self._queue.next()
        self._queue_is_empty = isinstance(found, NoTrial)
        self.finished = found is NoTrial.SEARCH_OVER
        if isinstance(found, TrialSpec):
            self.pending.append(found)
        return found

    def _most_pending(self) -> int:
        """How many trials may be pending: as many as there are workers, two of each shape at least."""
        return max(2 * len(self._shapes), self._usable())

    def _idle_shapes(self) -> set[Shape]:
        """Shapes of the workers that wait for a trial."""
        return {w.shape for w in self.workers.values() if w.idle and not w.reserves}

    def _usable(self) -> int:
        """How many workers may have trials."""
        return sum(not w.reserves for w in self.workers.values())

    def _is_due(self, spec: TrialSpec) -> bool:
        """Whether workers of other shapes are to make space for a pending trial."""
        full = len(self.pending) >= self._most_pending() and spec is self.pending[0]
        return self._queue_is_empty or full or self._passed[spec.trial_id] >= max(PATIENCE, self._usable())

    def _reserve(self) -> _Reservations:
        reserving = {number for number, w in self.workers.items() if w.reserves}
        placed = {
            number: PlacedWorker(w.shape, w.location, cost=int(not w.idle))
            for number, w in self.workers.items()
            if w.location is not None
        }
        packing, spared = Packing(self._nodes(), placed), set(reserving)
        usable, ready, idle = self._usable(), list[TrialSpec](), self._idle_shapes()
        for worker in self.workers.values():
            if worker.location is None:
                spared |= self._place(packing, worker.shape, spared) or set()
        for spec in self.pending:
            if spec.shape in idle or not self._is_due(spec):
                continue
            ended = self._place(packing, spec.shape, spared)
            if ended is None:
                continue
            usable += 1
            if self._limit is not None and usable - len(spared - reserving) - len(ended) > self._limit:
                ended |= {number for number in (packing.cheapest(spared),) if number is not None}
            if not ended:
                ready.append(spec)
            spared |= ended
        return _Reservations(packing, spared - reserving, ready)

    def _place(self, packing: Packing, shape: Shape, spared: set[int]) -> set[int] | None:
        """Place a worker of this shape; the workers that must end for it, None where it fits nowhere at all."""
        location, ended = packing.find(shape), set[int]()
        if location is None:
            freed = packing.make_space(shape, spared)
            if freed is None:
                self._announce(packing, shape)
                return None
            location, ended = freed
        packing.place(shape, location)
        return ended

    def _announce(self, packing: Packing, shape: Shape) -> None:
        """Tell once of a shape that no node could hold if it were empty."""
        if shape not in self._announced and not packing.could_hold(shape):
            self._announced.add(shape)
            self._search.recorder.note([f"a trial waits for {shape.describe()}, which no node has at the moment"])
