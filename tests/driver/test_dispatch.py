"""Which worker gets which trial where trials differ in what they ask for: simulated from the first to the last.

Ledger and study are real; the nodes, and how long a trial takes, are the test's.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.driver.dispatch import Crew
from search.driver.ledger import Next
from search.driver.placement import Floor, Place, Room, Seated
from search.space.per_trial import Shape
from search.trial.messages import Ending, Report, TrialSpec
from tests.support.ledger_world import World

SMALL, BIG = Shape(1, 0.25), Shape(1, 1)


class Site:
    """Nodes on which a crew works: what Tune and Ray do in a search, in simulated turns."""

    def __init__(self, world: World, cards: tuple[int, ...], big: float, limit: int | None = None) -> None:
        self.ledger = world.ledger
        self.rooms = {f"n{i}": Room(64, [1.0] * count) for i, count in enumerate(cards)}
        self.big = big
        self.crew = Crew(self.ledger, self.shape_of, (BIG, SMALL), lambda: self.rooms, limit)
        self.seated: dict[int, Seated] = {}
        self.running: dict[int, tuple[str, int]] = {}
        self.pending: dict[int, tuple[Shape, str]] = {}
        self.starts: Counter[Shape] = Counter()
        self.order: list[str] = []
        self.most = 0
        self.chance = random.Random(1)

    def shape_of(self, spec: TrialSpec) -> Shape:
        return BIG if random.Random(spec.trial_id).random() < self.big else SMALL

    def turn(self) -> None:
        while (order := self.crew.hire()) is not None:
            worker, spec, shape = order
            self.pending[worker] = (shape, spec.trial_id)
        for worker, (shape, trial_id) in list(self.pending.items()):
            floor = Floor(self.rooms, self.seated)
            place = floor.find(shape)
            if place is not None:  # Else it waits for Ray.
                del self.pending[worker]
                self.seated[worker] = Seated(shape, place)
                self.crew.seat(worker, place)
                self.starts[shape] += 1
                self.begin(worker, trial_id)
        self.check_room()
        for worker in [w for w in self.seated if w not in self.running]:
            self.free(worker)
        for worker, (trial_id, left) in list(self.running.items()):
            self.running[worker] = (trial_id, left - 1)
            if left <= 1:
                del self.running[worker]
                self.end(trial_id)
                self.free(worker)

    def begin(self, worker: int, trial_id: str) -> None:
        self.order.append(trial_id)
        self.running[worker] = (trial_id, self.chance.randint(1, 9))

    def end(self, trial_id: str) -> None:
        epochs = [{"epoch": 1.0, "value": 1.0}]
        self.ledger.take(Report(trial_id, epochs=epochs, worker="here:1", end=Ending("complete")))

    def free(self, worker: int) -> None:
        found = self.crew.next_for(worker)
        if isinstance(found, TrialSpec):
            assert self.shape_of(found) == self.seated[worker].shape
            self.begin(worker, found.trial_id)
        elif found is Next.FINISHED:
            self.crew.leave(worker)
            del self.seated[worker]

    def check_room(self) -> None:
        floor = Floor(self.rooms, self.seated)
        assert all(room.cpus >= 0 and min(room.cards, default=0) >= -1e-9 for room in floor._rooms.values())
        self.most = max(self.most, len(self.running))

    def finish(self, most_turns: int = 3000) -> int:
        turns = 0
        while not (self.crew.finished and not self.seated and not self.pending):
            self.turn()
            turns += 1
            assert turns < most_turns, "the search hangs"
        return turns


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    worlds: list[World] = []

    def make_site(trials: int, cards: tuple[int, ...], big: float, limit: int | None = None) -> Site:
        worlds.append(World(tmp_path / str(len(worlds)), trials=trials))
        return Site(worlds[-1], cards, big, limit)

    yield make_site
    for world in worlds:
        world.close()


@pytest.mark.parametrize("cards", [(1,), (1, 1, 1), (4, 1)])
@pytest.mark.parametrize("big", [0.1, 0.5])
def test_every_trial_runs_once_whatever_the_nodes_and_the_share_of_large_ones(
    make: Callable[..., Site], cards: tuple[int, ...], big: float
) -> None:
    site = make(40, cards, big)
    site.finish()
    assert sorted(site.order) == sorted({f"{n:05d}" for n in range(40)})
    assert site.ledger.counts()["complete"] == 40


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
    large = [n for n in range(80) if random.Random(f"{n:05d}").random() < 0.05]
    assert large
    for number in large:
        begun = site.order.index(f"{number:05d}")
        assert begun - number <= 4 * 8  # A few turns of all eight workers.


def test_no_more_workers_than_allowed_and_none_starves(make: Callable[..., Site]) -> None:
    site = make(60, (4,), big=0.3, limit=2)
    site.finish()
    assert site.most == 2
    assert site.ledger.counts()["complete"] == 60


def test_the_nodes_are_used_while_a_large_trial_waits(make: Callable[..., Site]) -> None:
    site = make(100, (1, 1, 1, 1), big=0.2)
    turns = site.finish()
    work = sum(5 * (4 if random.Random(f"{n:05d}").random() < 0.2 else 1) for n in range(100))
    assert work / (16 * turns) > 0.7


def test_a_node_that_dies_takes_only_its_own_trials_along(make: Callable[..., Site]) -> None:
    site = make(80, (1, 1), big=0.3)
    for _ in range(20):
        site.turn()
    del site.rooms["n1"]
    for worker in [w for w, s in site.seated.items() if s.place.node == "n1"]:
        trial_id = site.crew.leave(worker)
        del site.seated[worker]
        site.running.pop(worker, None)
        if trial_id is not None:
            site.ledger.lose(trial_id)
    site.finish()
    assert site.ledger.counts()["complete"] == 80


def test_what_an_autoscaler_may_add_is_ordered(make: Callable[..., Site]) -> None:
    site = make(8, (1,), big=1.0)
    site.rooms["+0"] = Room(64, [1.0])
    orders = [site.crew.hire(), site.crew.hire(), site.crew.hire()]
    assert [order is not None for order in orders] == [True, True, False]


def test_a_closing_search_leaves_what_is_in_hand_for_a_resume(make: Callable[..., Site]) -> None:
    site = make(40, (1,), big=0.5)
    for _ in range(8):
        site.turn()
    assert site.crew.hand
    site.ledger.closing = True
    waiting = {one.spec.trial_id for one in site.crew.hand}
    assert site.crew.hire() is None
    assert not site.crew.hand
    assert not waiting & site.ledger.live.keys()


def test_while_all_workers_are_busy_slow_proposals_are_made_ahead(make: Callable[..., Site]) -> None:
    site = make(40, (1,), big=0.0)
    for _ in range(12):
        site.turn()
    site.ledger.proposal_s = 0.0
    site.crew.prepare()
    assert not site.crew.hand, "A proposal costs nothing beside a trial, so none is made before it is needed."
    site.ledger.proposal_s = 3600.0
    for _ in range(9):
        site.crew.prepare()
        site.ledger.proposal_s = 3600.0
    ahead = [one.spec.trial_id for one in site.crew.hand]
    assert len(ahead) == 4, "Never more than there are workers."
    worker = next(iter(site.running))
    site.end(site.running.pop(worker)[0])
    site.free(worker)
    assert site.running[worker][0] == ahead[0]
    site.finish()
    assert sorted(site.order) == [f"{n:05d}" for n in range(40)]


def test_with_one_worker_no_proposal_is_made_ahead(make: Callable[..., Site]) -> None:
    site = make(10, (1,), big=1.0)
    for _ in range(12):
        site.turn()
    assert len(site.running) == 1
    site.ledger.proposal_s = 3600.0
    site.crew.prepare()
    assert not site.crew.hand


def test_a_parked_worker_keeps_its_place_and_gets_nothing(make: Callable[..., Site]) -> None:
    site = make(6, (1, 1), big=1.0)
    order = site.crew.hire()
    assert order is not None
    worker, spec, _ = order
    site.crew.seat(worker, Place("n0", (0,)))
    site.crew.park(worker)
    site.ledger.give_back(spec.trial_id, "node n0 has python 2.7, the driver has 3.11")
    site.seated[worker] = Seated(BIG, Place("n0", (0,)))
    assert site.crew.next_for(worker) is Next.REST  # It asks before another worker is hired.
    site.finish()
    assert site.order[0] == spec.trial_id
    assert len(site.order) == 6
    assert site.starts == {BIG: 1}


def test_only_nodes_that_do_not_fit_end_the_search_with_the_reason(make: Callable[..., Site]) -> None:
    site = make(6, (4,), big=1.0)
    for worker in range(1, 4):
        order = site.crew.hire()
        assert order is not None
        site.crew.seat(worker, Place("n0", (worker,)))
        site.crew.park(worker)
        site.ledger.give_back(order[1].trial_id, "node n0 has no data")
    assert site.ledger.fault == "node n0 has no data"
    assert site.crew.hire() is None


def test_a_trial_that_ran_out_of_memory_is_run_once_more_alone(make: Callable[..., Site]) -> None:
    ledger = make(2, (1,), big=0.0).ledger
    ledger.plan = dataclasses.replace(ledger.plan, oom_retry=True)
    spec = ledger.next()
    assert isinstance(spec, TrialSpec)
    exhausted = Ending("failed", error="out of GPU memory", out_of_memory=True)
    ledger.take(Report(spec.trial_id, end=exhausted))
    again = ledger.next()
    assert isinstance(again, TrialSpec)
    assert (again.trial_id, again.alone, spec.alone) == (spec.trial_id, True, False)
    ledger.take(Report(spec.trial_id, end=exhausted))
    assert ledger.counts()["failed"] == 1
