"""Where workers fit, and whom it costs least to end so that a larger one fits."""

from __future__ import annotations

import pytest

from search.driver.workers.placement import FreeResources, Location, Packing, PlacedWorker
from search.space.per_trial import Shape

QUARTER, HALF, WHOLE, TWO, CPU = Shape(1, 0.25), Shape(1, 0.5), Shape(1, 1), Shape(1, 2), Shape(2, 0)


def nodes(*gpus: int, cpus: float = 16) -> dict[str, FreeResources]:
    return {f"n{i}": FreeResources(cpus, [1.0] * count) for i, count in enumerate(gpus)}


def test_a_share_goes_to_the_fullest_gpu_that_suffices() -> None:
    packing = Packing(nodes(2), {1: PlacedWorker(HALF, Location("n0", (1,)))})
    assert packing.find(HALF) == Location("n0", (1,))
    packing.place(HALF, Location("n0", (1,)))
    assert packing.find(HALF) == Location("n0", (0,))


def test_a_whole_gpu_is_found_only_where_nobody_shares_it() -> None:
    packing = Packing(nodes(2), {1: PlacedWorker(QUARTER, Location("n0", (0,)))})
    assert packing.find(WHOLE) == Location("n0", (1,))
    assert packing.find(TWO) is None


@pytest.mark.parametrize("share", [0.1, 0.3, 1 / 3, 0.7])
def test_as_many_shares_fit_on_a_gpu_as_fit_in_one(share: float) -> None:
    packing, shape = Packing(nodes(1), {}), Shape(0.1, share)
    workers = 0
    while (location := packing.find(shape)) is not None:
        packing.place(shape, location)
        workers += 1
    assert workers == int(1 / share + 1e-9)


def test_the_gpu_with_the_fewest_workers_is_freed() -> None:
    workers = {i: PlacedWorker(QUARTER, Location("n0", (int(i > 2),))) for i in range(1, 5)} | {
        9: PlacedWorker(HALF, Location("n0", (0,)))
    }
    freed = Packing(nodes(2), workers).make_space(WHOLE)
    assert freed == (Location("n0", (1,)), {3, 4})


def test_workers_that_rest_are_ended_before_those_that_train() -> None:
    workers = {1: PlacedWorker(WHOLE, Location("n0", (0,))), 2: PlacedWorker(HALF, Location("n1", (0,)), cost=0)}
    workers[3] = PlacedWorker(HALF, Location("n1", (0,)), cost=0)
    assert Packing(nodes(1, 1), workers).make_space(WHOLE) == (Location("n1", (0,)), {2, 3})


def test_only_as_much_is_freed_as_is_needed() -> None:
    workers = {i: PlacedWorker(QUARTER, Location("n0", (0,))) for i in range(4)}
    freed = Packing(nodes(1), workers).make_space(HALF)
    assert freed is not None
    assert len(freed[1]) == 2


def test_cores_are_freed_too() -> None:
    workers = {i: PlacedWorker(Shape(1, 0), Location("n0")) for i in range(4)}
    freed = Packing(nodes(1, cpus=4), workers).make_space(Shape(3, 1))
    assert freed is not None
    assert (freed[0], len(freed[1])) == (Location("n0", (0,)), 3)


def test_a_worker_that_is_spared_is_not_ended() -> None:
    workers = {1: PlacedWorker(WHOLE, Location("n0", (0,)))}
    assert Packing(nodes(1), workers).make_space(WHOLE, spared={1}) is None


def test_what_no_node_could_hold_frees_nothing() -> None:
    packing = Packing(nodes(1, 1), {1: PlacedWorker(WHOLE, Location("n0", (0,)))})
    assert packing.make_space(TWO) is None
    assert not packing.could_hold(TWO)
    assert packing.could_hold(WHOLE)


def test_a_worker_of_a_node_that_is_gone_takes_no_room() -> None:
    packing = Packing(nodes(1), {1: PlacedWorker(WHOLE, Location("gone", (0,)))})
    assert packing.find(WHOLE) == Location("n0", (0,))
