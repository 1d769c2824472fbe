"""Trials that busy workers hold, as the driver leads them: simulated, with a real search."""

import math
from collections.abc import Callable

import pytest

from search.driver.search import snapshot
from search.driver.workers.ahead import Ahead
from tests.support.dispatch_site import Site


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Four workers of short trials, in the middle of 40."""
    one = make_site(40, (1,), big=0.0)
    while len(one.held) < 4:
        one.turn()
    return one


def to_the_end(site: Site) -> None:
    """Every trial is begun, and ends once."""
    site.finish()
    assert set(site.order()) == {f"{n:05d}" for n in range(40)}
    assert site.trials.counts()["complete"] == 40


def held(site: Site) -> set[str]:
    return {spec.trial_id for spec in site.held.values()}


def test_busy_workers_hold_their_next_trials(site: Site) -> None:
    shown = {trial.trial_id for trial in snapshot(site.search, 4, 0.0).running}
    assert shown == {trial_id for trial_id, _ in site.running.values()}, "What is held does not run."
    for worker in site.held:
        assert site.dispatcher.to_hold(worker) is None, "One is enough."
    to_the_end(site)
    assert len(site.order()) == 40


def test_none_is_held_where_another_worker_may_be_free_sooner_and_stay_without(make_site: Callable[..., Site]) -> None:
    ahead = Ahead(make_site(40, (1,), big=0.0).queue)
    ahead.note(0.1)
    assert [ahead.holds(workers, pending=1) for workers in (40, 41, 42)] == [True, True, False]


def test_what_a_lost_worker_held_is_begun_again(site: Site) -> None:
    worker, spec = next(iter(site.held.items()))
    trial_id = site.dispatcher.remove(worker)
    assert trial_id == site.running.pop(worker)[0]
    site.search.recorder.lose_worker(trial_id)
    assert site.trials.queued.keys() == {trial_id, spec.trial_id}
    assert site.trials.queued[spec.trial_id].lost_workers == 0
    del site.placed[worker], site.held[worker]
    to_the_end(site)


def test_what_a_slow_worker_gives_back_is_next(site: Site) -> None:
    worker, spec = next(iter(site.held.items()))
    site.dispatcher.take_back(worker)
    del site.held[worker]
    other = next(one for one in site.running if one != worker)
    site.end(site.running.pop(other)[0])
    site.free(other)
    assert site.held[other] == spec
    to_the_end(site)
    assert len(site.order()) == 40


def test_what_is_held_when_the_search_is_closed_waits_for_a_resume(site: Site) -> None:
    site.queue.close()
    ids = held(site)
    for worker in list(site.running):
        site.end(site.running.pop(worker)[0])
        site.free(worker)
    assert site.trials.queued.keys() == ids
    assert not site.trials.running


def test_what_a_worker_held_that_only_keeps_its_place_is_next(site: Site) -> None:
    worker, spec = next(iter(site.held.items()))
    site.dispatcher.reserve_place(worker)
    assert site.dispatcher.pending == [spec]


def test_a_worker_that_makes_space_for_another_shape_leaves_what_it_held(make_site: Callable[..., Site]) -> None:
    site = make_site(80, (1, 1), big=0.1)
    site.finish()
    assert sorted(site.order()) == [f"{n:05d}" for n in range(80)]


def test_long_trials_are_not_held(site: Site) -> None:
    for worker in list(site.running):  # These have taken an hour.
        site.dispatcher.workers[worker].since -= 3600
        site.end(site.running.pop(worker)[0])
        site.free(worker)
    assert not site.held
    to_the_end(site)


@pytest.mark.parametrize(
    ("sampler", "workers", "proposal_s", "holds"),
    [
        ("random", 1, 0.0, True),
        ("tpe", 2, 0.001, False),
        ("tpe", 2, 0.003, True),
        ("mfgp", 2, 0.003, False),
        ("mfgp", 2, 0.03, True),
        ("tpe", 8, 0.003, False),
        ("tpe", 8, 0.04, True),
        ("tpe", 1, 0.003, False),
        ("tpe", 1, math.inf, False),
    ],
)
def test_a_sampler_that_learns_sees_all_results_unless_the_wait_for_it_is_felt(
    make_site: Callable[..., Site], sampler: str, workers: int, proposal_s: float, holds: bool
) -> None:
    queue = make_site(40, (1,), big=0.0, sampler=sampler).queue
    ahead = Ahead(queue)
    ahead.note(0.1)
    queue.proposal_s = proposal_s
    assert ahead.holds(workers, pending=0) is holds
