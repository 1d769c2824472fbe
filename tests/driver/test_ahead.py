"""Trials that are proposed before a worker is free, where the wait would be felt: simulated, with a real search."""

import dataclasses
from collections.abc import Callable

import pytest

from search.driver.search import snapshot
from tests.support.dispatch_site import Site


def test_while_all_workers_are_busy_slow_proposals_are_made_ahead(make_site: Callable[..., Site]) -> None:
    site = make_site(40, (1,), big=0.0, sampler="tpe")
    site.holds = False
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


def test_short_trials_are_proposed_ahead_where_that_changes_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(40, (1,), big=0.0)
    site.holds = False
    for _ in range(12):
        site.turn()
    site.queue.proposal_s = 0.0
    site.dispatcher.propose_ahead()
    assert len(site.dispatcher.pending) == 1
    for worker in list(site.running):  # These have taken an hour.
        site.dispatcher.workers[worker].since -= 3600
        site.end(site.running.pop(worker)[0])
        site.free(worker)
    site.queue.proposal_s = 0.0
    site.dispatcher.propose_ahead()
    assert not site.dispatcher.pending
    site.finish()
    assert sorted(site.order()) == [f"{n:05d}" for n in range(40)]


@pytest.mark.parametrize("option", [{"target": 2.0}, {"patience": 30}, {"epoch_budget": 1000}])
def test_a_search_that_may_end_early_proposes_nothing_that_it_need_not(
    make_site: Callable[..., Site], option: dict[str, float]
) -> None:
    site = make_site(40, (1,), big=0.0)
    options = dataclasses.replace(site.search.plan.options, **option)  # type: ignore[arg-type]  # a dict of mixed values
    site.queue._plan = dataclasses.replace(site.search.plan, options=options)
    for _ in range(12):
        site.turn()
        site.queue.proposal_s = 0.0
        site.dispatcher.propose_ahead()
    assert not site.dispatcher.pending


def test_with_one_worker_no_proposal_is_made_ahead(make_site: Callable[..., Site]) -> None:
    site = make_site(10, (1,), big=1.0)
    for _ in range(12):
        site.turn()
    assert len(site.running) == 1
    site.queue.proposal_s = 3600.0
    site.dispatcher.propose_ahead()
    assert not site.dispatcher.pending
