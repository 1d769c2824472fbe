"""Which worker runs which trial: warm workers for each shape of resources that trials ask for, none starved.

A worker that is free takes the next trial of its own shape. Trials of other shapes stay pending, and when one has
waited for about a turn of all workers, those that stand in its way are ended as they become free.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.driver.placement import FreeResources, Location, Packing, PlacedWorker
from search.driver.search import Search
from search.driver.trial_queue import NoTrial
from search.space.per_trial import Shape
from search.trial.messages import TrialSpec

AHEAD_FROM = 0.02
"""Time of a proposal, as a share of a trial's, from which trials are proposed ahead."""
PATIENCE = 4
"""After so many others, or as many as there are workers, a pending trial has workers of other shapes ended for it."""
SHORT_S = 1.0
"""Length of trials below which one is always proposed ahead for each worker, where that changes no proposal."""
SMOOTHING = 0.2
"""The weight of the latest trial in the mean length of a trial."""


@dataclass
class DispatchedWorker:
    """A worker, from the order to start it to its end."""

    shape: Shape
    trial_id: str | None
    location: Location | None = None
    """Where it is; None until it has started."""
    idle: bool = False
    """Whether it has asked for a trial in vain."""
    reserves: bool = False
    """Whether it gets no trial and only keeps its place, on a node that does not fit, from other workers."""
    since: float = 0.0
    """When it was handed its trial, by `time.monotonic`."""


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
        self._trial_s = math.inf
        """How long a worker has had a trial, of late."""

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
        self._hand_out(spec)
        return self._started, spec

    def start(self, number: int, location: Location) -> None:
        """The worker has started, there, with its first trial."""
        self.workers[number].location, self.workers[number].since = location, time.monotonic()

    def reserve_place(self, number: int) -> str | None:
        """Let the worker keep its place without a trial; the id of the trial that it had."""
        worker = self.workers[number]
        worker.reserves, trial_id, worker.trial_id = True, worker.trial_id, None
        return trial_id

    def is_stuck(self) -> bool:
        """Whether all workers only keep their places, and no node has space for another."""
        if self._usable():
            return False
        packing = self._reserve().packing
        return not any(packing.find(shape) for shape in self._shapes)

    def remove(self, number: int) -> str | None:
        """The worker is gone; the id of the trial that it had."""
        worker = self.workers.pop(number, None)
        return worker.trial_id if worker else None

    # What a free worker does

    def next_trial(self, number: int) -> TrialSpec | NoTrial:
        """The next trial of a worker that has none, else whether the worker is kept or ends."""
        worker = self.workers[number]
        self._note_length(worker)
        worker.trial_id, worker.idle = None, True
        if self._is_over():
            return NoTrial.SEARCH_OVER
        if worker.reserves:
            return NoTrial.KEEP_WORKER
        if number in self._reserve().to_end:
            return NoTrial.END_WORKER
        found = self._of_shape(worker.shape)
        if isinstance(found, TrialSpec):
            worker.trial_id, worker.idle, worker.since = found.trial_id, False, time.monotonic()
            self._hand_out(found)
        elif number in self._reserve().to_end:  # A trial that became pending since may want its place.
            return NoTrial.END_WORKER
        return found

    def _of_shape(self, shape: Shape) -> TrialSpec | NoTrial:
        """The oldest pending trial of a shape, else the first that the queue has, as long as more may be pending."""
        found = next((spec for spec in self.pending if spec.shape == shape), None)
        if found is not None:
            return found
        while len(self.pending) < self._most_pending():
            drawn = self._take_next()
            if isinstance(drawn, NoTrial) or drawn.shape == shape:
                return drawn
        return NoTrial.KEEP_WORKER

    def propose_ahead(self) -> None:
        """Propose a trial while all workers have one, so that the next that is free need not wait for its proposal.

        Only where the wait would be felt (a long history or a slow sampler, short trials): a proposal that is made
        ahead does not know the trials that end in the meantime. With one worker never: a search is then the same
        each time.
        """
        usable = self._usable()
        if self.finished or self._queue_is_empty or self._queue.is_closed or usable < 2:
            return
        if any(w.trial_id is None and not w.reserves for w in self.workers.values()):
            return
        if len(self.pending) < self._most_ahead(usable):
            self._take_next()

    def _most_ahead(self, usable: int) -> int:
        """How many trials may be pending while all of so many workers have one."""
        if self._trial_s < SHORT_S and self._queue.is_foregone:
            return usable
        share = self._queue.proposal_s / self._trial_s
        return 0 if share < AHEAD_FROM else min(usable, math.ceil(2 * usable * share))

    def _note_length(self, worker: DispatchedWorker) -> None:
        if worker.trial_id is not None:
            length = time.monotonic() - worker.since
            smoothed = (1 - SMOOTHING) * self._trial_s + SMOOTHING * length
            self._trial_s = length if math.isinf(self._trial_s) else smoothed

    def _hand_out(self, spec: TrialSpec) -> None:
        self.pending.remove(spec)
        self._search.trials.running[spec.trial_id].has_worker = True
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
