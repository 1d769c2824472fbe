"""Which worker gets which trial where trials differ in what they ask for: simulated from the first to the last.

Search and study are real; the nodes, and how long a trial takes, are the test's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.driver.dispatch import Dispatcher
from search.driver.placement import FreeResources, Location, Packing, PlacedWorker
from search.driver.search import snapshot
from search.driver.trial_queue import NoTrial
from search.experiment.states import TrialState
from search.space import Choice, Float
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
        self.starts: Counter[Shape] = Counter()
        self.begun: list[TrialSpec] = []
        self.most = 0
        self.chance = random.Random(1)

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
        self.begun.append(spec)
        self.running[worker] = (spec.trial_id, self.chance.randint(1, 9))

    def end(self, trial_id: str) -> None:
        epochs = [{"epoch": 1.0, "value": 1.0}]
        end = TrialEnd(TrialState.COMPLETE)
        self.search.recorder.take(Report(trial_id, epochs=epochs, worker=WorkerId("here", 1), end=end))

    def free(self, worker: int) -> None:
        found = self.dispatcher.next_trial(worker)
        if isinstance(found, TrialSpec):
            assert found.shape == self.placed[worker].shape
            self.begin(worker, found)
        elif found is not NoTrial.KEEP_WORKER:
            self.dispatcher.remove(worker)
            del self.placed[worker]

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


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """A site for so many trials; each node has so many GPUs, and so large a share of the trials asks for a whole."""
    worlds: list[World] = []

    def make_site(trials: int, gpus: tuple[int, ...], big: float, limit: int | None = None) -> Site:
        sizes = tuple(range(round(SIZES * big)))
        world = World(
            tmp_path / str(len(worlds)),
            trials=trials,
            parameters={"x": Float(0, 1), "size": Choice(*range(SIZES))},
            gpus_per_trial=[({"size": sizes}, 1.0), 0.25] if sizes else 0.25,
        )
        worlds.append(world)
        return Site(world, gpus, limit)

    yield make_site
    for world in worlds:
        world.close()


@pytest.mark.parametrize("gpus", [(1,), (1, 1, 1), (4, 1)])
@pytest.mark.parametrize("big", [0.1, 0.5])
def test_every_trial_runs_once_whatever_the_nodes_and_the_share_of_large_ones(
    make: Callable[..., Site], gpus: tuple[int, ...], big: float
) -> None:
    site = make(40, gpus, big)
    site.finish()
    assert sorted(site.order()) == sorted({f"{n:05d}" for n in range(40)})
    assert site.trials.counts()["complete"] == 40


def test_workers_of_both_shapes_stay_warm(make: Callable[..., Site]) -> None:
    site = make(80, (4,), big=0.5)
    site.finish()
    assert site.starts.total() <= 30  # Without keeping them: 80.
    one = make(40, (4,), big=0.0)
    one.finish()
    assert one.starts == {SMALL: 16}
    assert one.most == 16


def test_a_large_trial_is_begun_before_many_small_ones_have_passed_it(make: Callable[..., Site]) -> None:
    site = make(80, (1, 1), big=0.05)
    site.finish()
    large = [int(spec.trial_id) for spec in site.begun if spec.shape == BIG]
    assert large
    for number in large:
        begun = site.order().index(f"{number:05d}")
        assert begun - number <= 4 * 8  # A few turns of all eight workers.


def test_no_more_workers_than_allowed_and_none_starves(make: Callable[..., Site]) -> None:
    site = make(60, (4,), big=0.3, limit=2)
    site.finish()
    assert site.most == 2
    assert site.trials.counts()["complete"] == 60


def test_the_nodes_are_used_while_a_large_trial_waits(make: Callable[..., Site]) -> None:
    site = make(100, (1, 1, 1, 1), big=0.2)
    turns = site.finish()
    work = sum(5 * (4 if spec.shape == BIG else 1) for spec in site.begun)
    assert work / (16 * turns) > 0.7


def test_a_node_that_dies_takes_only_its_own_trials_along(make: Callable[..., Site]) -> None:
    site = make(80, (1, 1), big=0.3)
    for _ in range(20):
        site.turn()
    del site.nodes["n1"]
    for worker in [number for number, placed in site.placed.items() if placed.location.node == "n1"]:
        trial_id = site.dispatcher.remove(worker)
        del site.placed[worker]
        site.running.pop(worker, None)
        if trial_id is not None:
            site.search.recorder.lose_worker(trial_id)
    site.finish()
    assert site.trials.counts()["complete"] == 80


def test_what_an_autoscaler_may_add_is_ordered(make: Callable[..., Site]) -> None:
    site = make(8, (1,), big=1.0)
    site.nodes["+0"] = FreeResources(64, [1.0])
    orders = [site.dispatcher.order_worker(), site.dispatcher.order_worker(), site.dispatcher.order_worker()]
    assert [order is not None for order in orders] == [True, True, False]


def test_a_closing_search_leaves_what_is_pending_for_a_resume(make: Callable[..., Site]) -> None:
    site = make(40, (1,), big=0.5)
    while not site.dispatcher.pending:
        site.turn()
    site.queue.close()
    pending = {spec.trial_id for spec in site.dispatcher.pending}
    assert site.dispatcher.order_worker() is None
    assert not site.dispatcher.pending
    assert not pending & site.trials.running.keys()
    assert pending == site.trials.queued.keys()


def test_while_all_workers_are_busy_slow_proposals_are_made_ahead(make: Callable[..., Site]) -> None:
    site = make(40, (1,), big=0.0)
    for _ in range(12):
        site.turn()
    site.queue.proposal_s = 0.0
    site.dispatcher.propose_ahead()
    assert not site.dispatcher.pending, "A proposal costs nothing beside a trial, so none is made before it is needed."
    site.queue.proposal_s = 3600.0
    for _ in range(9):
        site.dispatcher.propose_ahead()
        site.queue.proposal_s = 3600.0
    ahead = [spec.trial_id for spec in site.dispatcher.pending]
    assert len(ahead) == 4, "Never more than there are workers."
    shown = {trial.trial_id for trial in snapshot(site.search, 4, 0.0).running}
    assert shown == {trial_id for trial_id, _ in site.running.values()}, "What was proposed ahead does not run."
    worker = next(iter(site.running))
    site.end(site.running.pop(worker)[0])
    site.free(worker)
    assert site.running[worker][0] == ahead[0]
    site.finish()
    assert sorted(site.order()) == [f"{n:05d}" for n in range(40)]


def test_with_one_worker_no_proposal_is_made_ahead(make: Callable[..., Site]) -> None:
    site = make(10, (1,), big=1.0)
    for _ in range(12):
        site.turn()
    assert len(site.running) == 1
    site.queue.proposal_s = 3600.0
    site.dispatcher.propose_ahead()
    assert not site.dispatcher.pending


def test_a_worker_that_only_keeps_its_place_gets_no_trial(make: Callable[..., Site]) -> None:
    site = make(6, (1, 1), big=1.0)
    order = site.dispatcher.order_worker()
    assert order is not None
    worker, spec = order
    site.dispatcher.start(worker, Location("n0", (0,)))
    refuse(site, worker, "node n0 has python 2.7, the driver has 3.11")
    site.placed[worker] = PlacedWorker(BIG, Location("n0", (0,)))
    assert site.dispatcher.next_trial(worker) is NoTrial.KEEP_WORKER  # It asks before another worker is ordered.
    site.finish()
    assert site.order()[0] == spec.trial_id
    assert len(site.order()) == 6
    assert site.starts == {BIG: 1}


def refuse(site: Site, worker: int, reason: str) -> None:
    """The node of a worker does not fit."""
    trial_id = site.dispatcher.reserve_place(worker)
    assert trial_id is not None
    site.search.recorder.refuse_node(trial_id, reason)


def test_only_nodes_that_do_not_fit_end_the_search_with_the_reason(make: Callable[..., Site]) -> None:
    site = make(6, (4,), big=1.0)
    for number in range(1, 4):
        order = site.dispatcher.order_worker()
        assert order is not None
        site.dispatcher.start(number, Location("n0", (number,)))
        refuse(site, number, "node n0 has no data")
    assert site.queue.fault == "node n0 has no data"
    assert site.dispatcher.order_worker() is None


@pytest.mark.parametrize(("gpus", "again"), [(0.25, True), (1.0, False), (0.0, False)])
def test_a_trial_that_ran_out_of_memory_is_run_once_more_alone(tmp_path: Path, gpus: float, again: bool) -> None:
    """Only one that shares a GPU: the others had all of it, or none."""
    world = World(tmp_path, trials=2, gpus_per_trial=gpus)
    world.resume(oom_retry=True)
    first = world.start()
    exhausted = TrialEnd(TrialState.FAILED, error="out of GPU memory", out_of_memory=True)
    world.search.recorder.take(Report(first.trial_id, end=exhausted))
    if again:
        second = world.start()
        assert (second.trial_id, second.shape, first.shape) == (first.trial_id, Shape(1, 1.0), Shape(1, 0.25))
        world.search.recorder.take(Report(first.trial_id, end=exhausted))
    assert world.search.trials.counts()["failed"] == 1
    world.close()


@pytest.mark.parametrize(("nodes", "stuck"), [((1,), True), ((1, 1), False)])
def test_a_search_is_stuck_when_all_places_are_kept_from_trials(
    make: Callable[..., Site], nodes: tuple[int, ...], stuck: bool
) -> None:
    site = make(6, nodes, big=1.0)
    assert site.dispatcher.order_worker() is not None
    site.dispatcher.start(1, Location("n0", (0,)))
    assert not site.dispatcher.is_stuck()
    refuse(site, 1, "node n0 has another data set")
    assert site.dispatcher.is_stuck() is stuck
