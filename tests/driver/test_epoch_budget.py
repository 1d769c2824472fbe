"""How many epochs a search may train."""

from __future__ import annotations

from collections.abc import Callable

from search.driver.trial_queue import NoTrial
from tests.support.search_world import World


def test_an_epoch_budget_begins_nothing_new_and_a_larger_one_goes_on_after_a_resume(make: Callable[..., World]) -> None:
    world = make(trials=50, stopping="none")
    world.resume(epoch_budget=4)
    first, second = world.start(), world.start()
    for epoch in (1, 2):
        world.epoch(first, epoch, 0.5)
        world.epoch(second, epoch, 0.5)
    assert world.search.queue.next() is NoTrial.END_WORKER  # Two trials run, and go on to their end.
    assert not world.epoch(first, 3, 0.6)
    world.end(first)
    world.end(second)
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    world.search.recorder.close()
    world.resume(epoch_budget=6)
    assert world.search.trials.epochs == 5
    world.epoch(world.start(), 1, 0.5)
    assert world.search.queue.next() is NoTrial.END_WORKER


def test_epochs_of_repeats_are_not_those_of_the_budget(make: Callable[..., World]) -> None:
    world = make(trials=2, repeats=3)
    world.resume(epoch_budget=100)
    world.run()
    assert (len(world.states()), world.search.trials.epochs) == (6, 2)
    world.resume()
    assert world.search.trials.epochs == 2
