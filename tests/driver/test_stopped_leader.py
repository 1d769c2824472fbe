"""A trial that was stopped and has the best value all the same, at the end of a search without Ray."""

from __future__ import annotations

from collections.abc import Callable

from search.driver.trial_queue import NoTrial
from search.experiment.schema import read_epochs
from search.experiment.states import TrialState
from search.trial.messages import TrialSpec
from tests.support.search_world import World


def stopped_ahead(world: World) -> TrialSpec:
    """Let three good trials come to the first rung, the third of them be stopped there, and the others end badly."""
    specs = [world.start() for _ in range(3)]
    stops = [world.epoch(spec, 1, value) for spec, value in zip(specs, (0.9, 0.8, 0.7), strict=True)]
    assert stops == [False, True, True]
    world.end(specs[0], TrialState.FAILED, error="lost")
    last = world.start()
    assert not world.epoch(last, 1, 0.95)
    world.end(last, TrialState.FAILED, error="lost")
    return specs[1]


def test_a_stopped_trial_that_leads_is_trained_to_its_end_last(make: Callable[..., World]) -> None:
    world = make(trials=4)
    leader = stopped_ahead(world)
    again = world.start()
    assert (again.trial_id, again.config, again.seed, again.decides) == (leader.trial_id, leader.config, 3, False)
    for epoch, value in ((1, 0.8), (2, 0.6), (3, 0.2)):
        assert not world.epoch(again, epoch, value)
    world.end(again)
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    world.search.recorder.close()
    assert world.states()[leader.trial_id] == "complete"
    best = world.best()
    assert best is not None
    assert (best.trial_id, best.value) == (leader.trial_id, 0.8)
    assert read_epochs(world.experiment.root).table["trial_id"].to_pylist().count(leader.trial_id) == 3
    assert world.search.trials.counts() == {"complete": 1, "pruned": 1, "failed": 2}


def test_a_stopped_leader_that_was_cut_off_on_its_way_to_the_end_is_taken_up_by_a_resume(
    make: Callable[..., World],
) -> None:
    world = make(trials=4)
    leader = stopped_ahead(world)
    world.epoch(world.start(), 1, 0.8)
    world.search.recorder.close()
    world.resume()
    world.run(lambda spec: 0.8)
    assert world.states()[leader.trial_id] == "complete"
    assert world.search.trials.counts() == {"complete": 1, "pruned": 1, "failed": 2}
    assert world.study() == {"COMPLETE": 1, "PRUNED": 2, "FAIL": 3}, "its stop, and the attempt that was cut off"
    world.resume()
    assert world.search.queue.next() is NoTrial.SEARCH_OVER


def test_a_trainable_that_stops_its_own_leading_trial_does_so_once_more_at_most(make: Callable[..., World]) -> None:
    world = make(trials=4)
    stopped_ahead(world)
    again = world.start()
    world.epoch(again, 1, 0.8)
    world.end(again, TrialState.PRUNED)
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    assert world.search.trials.stopped_leader() is not None
