"""Which worker gets which trial where trials differ in what they ask for: simulated from the first to the last.

Search and study are real; the nodes, and how long a trial takes, are the test's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search.driver.trial_queue import NoTrial
from search.driver.workers.placement import FreeResources, Location, PlacedWorker
from search.experiment.states import TrialState
from search.space.per_trial import Shape
from search.trial.messages import Report, TrialEnd
from tests.support.dispatch_site import BIG, SMALL, Site
from tests.support.search_world import World


@pytest.mark.parametrize("gpus", [(1,), (1, 1, 1), (4, 1)])
@pytest.mark.parametrize("big", [0.1, 0.5])
def test_every_trial_runs_once_whatever_the_nodes_and_the_share_of_large_ones(
    make_site: Callable[..., Site], gpus: tuple[int, ...], big: float
) -> None:
    site = make_site(40, gpus, big)
    site.finish()
    assert sorted(site.order()) == sorted({f"{n:05d}" for n in range(40)})
    assert site.trials.counts()["complete"] == 40


def test_workers_of_both_shapes_stay_warm(make_site: Callable[..., Site]) -> None:
    site = make_site(80, (4,), big=0.5)
    site.finish()
    assert site.starts.total() <= 30  # Without keeping them: 80.
    one = make_site(40, (4,), big=0.0)
    one.finish()
    assert one.starts == {SMALL: 16}
    assert one.most == 16


def test_a_large_trial_is_begun_before_many_small_ones_have_passed_it(make_site: Callable[..., Site]) -> None:
    site = make_site(80, (1, 1), big=0.05)
    site.finish()
    large = [int(spec.trial_id) for spec in site.begun if spec.shape == BIG]
    assert large
    for number in large:
        begun = site.order().index(f"{number:05d}")
        assert begun - number <= 4 * 8  # A few turns of all eight workers.


def test_no_more_workers_than_allowed_and_none_starves(make_site: Callable[..., Site]) -> None:
    site = make_site(60, (4,), big=0.3, limit=2)
    site.finish()
    assert site.most == 2
    assert site.trials.counts()["complete"] == 60


def test_the_nodes_are_used_while_a_large_trial_waits(make_site: Callable[..., Site]) -> None:
    site = make_site(100, (1, 1, 1, 1), big=0.2)
    turns = site.finish()
    work = sum(5 * (4 if spec.shape == BIG else 1) for spec in site.begun)
    assert work / (16 * turns) > 0.7


def test_a_node_that_dies_takes_only_its_own_trials_along(make_site: Callable[..., Site]) -> None:
    site = make_site(80, (1, 1), big=0.3)
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


def test_what_an_autoscaler_may_add_is_ordered(make_site: Callable[..., Site]) -> None:
    site = make_site(8, (1,), big=1.0)
    site.nodes["+0"] = FreeResources(64, [1.0])
    orders = [site.dispatcher.order_worker(), site.dispatcher.order_worker(), site.dispatcher.order_worker()]
    assert [order is not None for order in orders] == [True, True, False]


def test_a_closing_search_leaves_what_is_pending_for_a_resume(make_site: Callable[..., Site]) -> None:
    site = make_site(40, (1,), big=0.5)
    while not site.dispatcher.pending:
        site.turn()
    site.queue.close()
    pending = {spec.trial_id for spec in site.dispatcher.pending}
    assert site.dispatcher.order_worker() is None
    assert not site.dispatcher.pending
    assert not pending & site.trials.running.keys()
    assert pending == site.trials.queued.keys()


def test_a_worker_that_only_keeps_its_place_gets_no_trial(make_site: Callable[..., Site]) -> None:
    site = make_site(6, (1, 1), big=1.0)
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


def test_only_nodes_that_do_not_fit_end_the_search_with_the_reason(make_site: Callable[..., Site]) -> None:
    site = make_site(6, (4,), big=1.0)
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
    make_site: Callable[..., Site], nodes: tuple[int, ...], stuck: bool
) -> None:
    site = make_site(6, nodes, big=1.0)
    assert site.dispatcher.order_worker() is not None
    site.dispatcher.start(1, Location("n0", (0,)))
    assert not site.dispatcher.is_stuck()
    refuse(site, 1, "node n0 has another data set")
    assert site.dispatcher.is_stuck() is stuck
