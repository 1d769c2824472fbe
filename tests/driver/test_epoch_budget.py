"""How many epochs a search may train."""

from __future__ import annotations

from collections.abc import Callable

from search.driver.trial_queue import NoTrial
from search.trial.messages import Report, WorkerId
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


def test_an_epoch_that_a_resumed_trial_trains_again_counts_once(make: Callable[..., World]) -> None:
    world = make(trials=50, stopping="none")
    world.resume(epoch_budget=6)
    cut_off = world.start()
    for epoch in (1, 2, 3):
        world.epoch(cut_off, epoch, 0.5)
    world.search.recorder.flush()  # Then the driver is killed, twice.
    for _ in range(2):
        world.resume()
        again = world.start()
        assert again.trial_id == cut_off.trial_id
        for epoch in (1, 2, 3):
            world.epoch(again, epoch, 0.5)
        assert world.search.trials.epochs == 3
    world.epoch(again, 4, 0.5)
    world.end(again)
    world.epoch(world.start(), 1, 0.5)
    assert world.search.trials.epochs == 5


def test_a_trial_that_was_cut_off_goes_on_although_the_epochs_are_used(make: Callable[..., World]) -> None:
    world = make(trials=50, stopping="none")
    world.resume(epoch_budget=4)
    cut_off, other = world.start(), world.start()
    for epoch in (1, 2, 3):
        world.epoch(other, epoch, 0.5)
        world.epoch(cut_off, epoch, 0.5)
    world.end(other)
    world.search.recorder.flush()  # Then the driver is killed.
    world.resume()
    assert world.search.queue.is_out_of_epochs
    again = world.start()
    assert again.trial_id == cut_off.trial_id
    world.epoch(again, 4, 0.5)
    world.end(again)
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    assert "running" not in world.states().values()


def test_epochs_of_repeats_are_not_those_of_the_budget(make: Callable[..., World]) -> None:
    world = make(trials=2, repeats=3)
    world.resume(epoch_budget=100)
    world.run()
    assert (len(world.states()), world.search.trials.epochs) == (6, 2)
    world.resume()
    assert world.search.trials.epochs == 2


def test_with_a_time_budget_the_sampler_hears_what_epochs_took(make: Callable[..., World]) -> None:
    world = make(sampler="mfgp", stopping="none")
    for budget in (None, 3600.0):
        world.resume(time_budget_s=budget)
        spec = world.start()
        metrics = [{"epoch": float(epoch), "value": 0.5, "seconds": took} for epoch, took in ((1, 8.0), (2, 2.0))]
        world.search.recorder.take(Report(spec.trial_id, metrics, 1.0, WorkerId("node", 1), "node"))
        world.end(spec)
        world.search.recorder.flush()
        sampler = world.search.queue._sampling._drawing._study
        assert [trial.user_attrs.get("epoch_seconds") for trial in sampler.trials if trial.state.is_finished()] == (
            [None] if budget is None else [None, 2.0]  # Without one, a search is the same each time.
        )
