"""Population-based training without Ray: who gives way, whom others follow, and what a killed driver decides again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from search.driver.trial_queue import NoTrial
from search.experiment.schema import read_epochs, read_trials
from search.experiment.states import TrialState
from search.space import Choice, Float, Int
from search.trial.messages import Parent, TrialSpec
from tests.support.search_world import World

POPULATION = {"members": 4, "interval": 2, "change": ["rate"]}
SPACE = {
    "parameters": {"rate": Float(1e-4, 1.0, log=True), "depth": Int(1, 9), "kind": Choice("a", "b")},
    "fixed": {"epochs": 6},
    "stopping": None,
    "sampler": None,
    "trials": 6,
}
FIRST = [{"rate": rate, "depth": 3, "kind": "a"} for rate in (0.01, 0.3, 0.1, 0.02)]
Make = Callable[..., World]


def population(make: Make, **changes: Any) -> World:
    return make(**{**SPACE, "population": POPULATION, **changes})


def value_of(spec: TrialSpec, epoch: int) -> float:
    """The larger its rate, the better a trial is; each epoch adds to that."""
    return float(str(spec.config["rate"])) + epoch


def train(world: World, spec: TrialSpec, last: int) -> bool:
    """Train to the epoch `last`, or to the next wait, and say whether the trial waits there."""
    begins = spec.parent.epoch if spec.parent is not None else 0
    known = world.search.trials.running[spec.trial_id].epochs
    for epoch in range(int(known[-1]["epoch"]) + 1 if known else begins + 1, last + 1):
        if world.epoch(spec, epoch, value_of(spec, epoch)):
            return True
    return False


def finish(world: World) -> list[TrialSpec]:
    """Train all that is handed out, one trial at a time, and give back what was handed out."""
    handed = []
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        handed.append(spec)
        if not train(world, spec, 6):
            world.end(spec)
    assert spec is NoTrial.SEARCH_OVER
    world.search.recorder.close()
    return handed


def rows(world: World) -> dict[str, dict[str, Any]]:
    return {row["trial_id"]: row for row in read_trials(world.experiment.root).table.to_pylist()}


def test_the_worst_member_gives_way_to_a_follower_of_the_best(make: Make) -> None:
    world = population(make)
    first = [world.start() for _ in range(4)]
    assert all(train(world, spec, 6) for spec in first)
    by_rate = sorted(first, key=lambda spec: value_of(spec, 2))
    handed = [world.start() for _ in range(4)]
    follower = handed[-1]
    assert [spec.trial_id for spec in handed[:3]] == sorted(spec.trial_id for spec in by_rate[1:])
    assert follower.parent == Parent(by_rate[-1].trial_id, 2)
    assert world.states()[by_rate[0].trial_id] == "pruned"
    best = by_rate[-1].config
    assert follower.config["rate"] != best["rate"]
    assert {name: follower.config[name] for name in ("depth", "kind")} == {n: best[n] for n in ("depth", "kind")}


def test_a_member_waits_without_a_worker_until_all_have_come_as_far(make: Make) -> None:
    world = population(make)
    first = [world.start() for _ in range(4)]
    assert all(train(world, spec, 6) for spec in first[:3])
    assert world.search.queue.next() is NoTrial.KEEP_WORKER
    assert set(world.states().values()) == {"running"}
    assert train(world, first[3], 6)
    assert world.start().begun


def test_every_trial_has_one_row_one_configuration_and_its_own_epochs(make: Make) -> None:
    world = population(make)
    finish(world)
    found = rows(world)
    assert world.search.trials.counts() == {"complete": 4, "pruned": 2, "failed": 0}
    assert sorted(row["parent_epoch"] for row in found.values() if row["parent"] is not None) == [2, 4]
    epochs = read_epochs(world.experiment.root).table.to_pylist()
    for trial_id, row in found.items():
        own = [one["epoch"] for one in epochs if one["trial_id"] == trial_id]
        assert own == list(range((row["parent_epoch"] or 0) + 1, (row["parent_epoch"] or 0) + 1 + row["epochs"]))
    assert len(epochs) == 4 * 6
    assert world.study() == {"COMPLETE": 4, "PRUNED": 2}


def test_a_member_that_failed_is_replaced_at_the_next_comparison(make: Make) -> None:
    world = population(make, trials=9)
    first = [world.start() for _ in range(4)]
    world.end(first[0], TrialState.FAILED, error="lost")
    assert all(train(world, spec, 6) for spec in first[1:])
    finish(world)
    assert world.search.trials.counts() == {"complete": 4, "pruned": 2, "failed": 1}
    assert sorted(row["parent_epoch"] or 0 for row in rows(world).values()) == [0, 0, 0, 0, 2, 2, 4]


def test_a_driver_that_is_killed_anywhere_decides_the_same_again(make: Make, tmp_path: Any) -> None:
    """The tables of a search that is killed after every trial that it hands out are those of one that never was.

    Its first members are given: a resumed sampler draws others, as in any search.
    """
    whole = population(make, start=FIRST)
    finish(whole)
    expected = [_decided(row) for _, row in sorted(rows(whole).items())]
    killed = World(tmp_path / "killed", **{**SPACE, "population": POPULATION, "start": FIRST})
    try:
        killed_often(killed)
        assert [_decided(row) for _, row in sorted(rows(killed).items())] == expected
        assert killed.study()["COMPLETE"] == 4
        assert not killed.study()["RUNNING"]
    finally:
        killed.close()


def test_followers_that_no_row_tells_of_are_the_same_trials_after_a_resume(make: Make) -> None:
    """The journal may have a follower whose row, and with it the end of the one that gave way, was not stored."""
    world = population(make, start=FIRST)
    first = [world.start() for _ in range(4)]
    assert all(train(world, spec, 6) for spec in first)
    world.search.recorder.flush()
    members = world.search.queue.members
    assert members is not None
    (follower,) = members.compare(2).followers
    lost = world.search.sampling.take(follower.config)
    world.resume()
    for spec in [world.start() for _ in range(4)]:
        assert [world.epoch(spec, epoch, value_of(spec, epoch)) for epoch in (1, 2)] == [False, True]
    *_, again = [world.start() for _ in range(4)]
    assert (again.trial_id, again.parent) == (lost.trial_id, follower.parent)
    assert lost.config.items() <= again.config.items()


def _decided(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row[name] for name in ("trial_id", "state", "parent", "parent_epoch", "epochs", "value", "config.rate")
    )


def killed_often(world: World) -> None:
    """Kill the driver after everything that a trial does; a trial then reports what led to its checkpoint again."""
    saved: dict[str, int] = {}
    while True:
        spec = world.search.queue.next()
        if not isinstance(spec, TrialSpec):
            break
        begins = spec.parent.epoch if spec.parent is not None else 0
        at = saved.get(spec.trial_id, begins)
        waits = False
        for epoch in range(begins + 1, at + 1):
            waits = world.epoch(spec, epoch, value_of(spec, epoch))
        if not waits:
            while at < 6 and not waits:
                at += 1
                waits = world.epoch(spec, at, value_of(spec, at))
            saved[spec.trial_id] = at
            if not waits:
                world.end(spec)
            world.search.recorder.flush()
            world.resume()
    world.search.recorder.close()
