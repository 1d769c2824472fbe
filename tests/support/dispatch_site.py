"""Nodes on which a dispatcher leads workers, in simulated turns; search and study are real."""

from __future__ import annotations

import random
from collections import Counter

from search.driver.trial_queue import NoTrial
from search.driver.workers.dispatch import Dispatcher
from search.driver.workers.placement import FreeResources, Packing, PlacedWorker
from search.experiment.states import TrialState
from search.space.per_trial import Shape
from search.trial.messages import Report, TrialEnd, TrialSpec, WorkerId
from tests.support.search_world import World

SMALL, BIG = Shape(1, 0.25), Shape(1, 1)
SIZES = 20
"""Sizes of a trial, of which the smallest ones ask for a whole GPU."""


class Site:
    """Nodes on which workers are dispatched: what Tune and Ray do in a search, in simulated turns."""

    def __init__(self, world: World, gpus: tuple[int, ...], limit: int | None = None) -> None:
        self.search, self.trials, self.queue = world.search, world.search.trials, world.search.queue
        self.nodes = {f"n{i}": FreeResources(64, [1.0] * count) for i, count in enumerate(gpus)}
        self.dispatcher = Dispatcher(self.search, (BIG, SMALL), lambda: self.nodes, limit)
        self.placed: dict[int, PlacedWorker] = {}
        self.running: dict[int, tuple[str, int]] = {}
        self.ordered: dict[int, TrialSpec] = {}
        self.holds = True
        """Whether workers are asked whether they hold a trial."""
        self.held: dict[int, TrialSpec] = {}
        self.starts: Counter[Shape] = Counter()
        self.begun: list[TrialSpec] = []
        self.most = 0
        self.rng = random.Random(1)

    def order(self) -> list[str]:
        """Ids of the trials in the order in which they were begun."""
        return [spec.trial_id for spec in self.begun]

    def turn(self) -> None:
        while (order := self.dispatcher.order_worker()) is not None:
            self.ordered[order[0]] = order[1]
        for worker, spec in list(self.ordered.items()):
            location = Packing(self.nodes, self.placed).find(spec.shape)
            if location is not None:  # Else it waits for Ray.
                del self.ordered[worker]
                self.placed[worker] = PlacedWorker(spec.shape, location)
                self.dispatcher.start(worker, location)
                self.starts[spec.shape] += 1
                self.begin(worker, spec)
        self.check_resources()
        for worker in [w for w in self.placed if w not in self.running]:
            self.free(worker)
        for worker, (trial_id, left) in list(self.running.items()):
            self.running[worker] = (trial_id, left - 1)
            if left <= 1:
                del self.running[worker]
                self.end(trial_id)
                self.free(worker)

    def begin(self, worker: int, spec: TrialSpec) -> None:
        assert spec.shape == self.placed[worker].shape
        self.begun.append(spec)
        self.running[worker] = (spec.trial_id, self.rng.randint(1, 9))

    def end(self, trial_id: str) -> None:
        epochs = [{"epoch": 1.0, "value": 1.0}]
        end = TrialEnd(TrialState.COMPLETE)
        self.search.recorder.take(Report(trial_id, epochs=epochs, worker=WorkerId("here", 1), end=end))

    def free(self, worker: int) -> None:
        found = self.dispatcher.next_trial(worker)
        if isinstance(found, TrialSpec):
            assert worker not in self.held
            self.begin(worker, found)
        elif found is NoTrial.HOLDS_ONE:
            self.begin(worker, self.held.pop(worker))
        elif found is not NoTrial.KEEP_WORKER:
            self.held.pop(worker, None)
            self.dispatcher.remove(worker)
            del self.placed[worker]
        if self.holds and worker in self.placed and (following := self.dispatcher.to_hold(worker)) is not None:
            self.held[worker] = following

    def check_resources(self) -> None:
        free = Packing(self.nodes, self.placed).free.values()
        assert all(node.cpus >= 0 and min(node.gpus, default=0) >= -1e-9 for node in free)
        self.most = max(self.most, len(self.running))

    def finish(self, most_turns: int = 3000) -> int:
        turns = 0
        while not (self.dispatcher.finished and not self.placed and not self.ordered):
            self.turn()
            turns += 1
            assert turns < most_turns, "the search hangs"
        return turns
