"""Where workers fit, and whom it costs least to end so that a larger one fits."""

from __future__ import annotations

import pytest

from search.driver.placement import Floor, Place, Room, Seated
from search.space.per_trial import Shape

QUARTER, HALF, WHOLE, TWO, CPU = Shape(1, 0.25), Shape(1, 0.5), Shape(1, 1), Shape(1, 2), Shape(2, 0)


def rooms(*cards: int, cpus: float = 16) -> dict[str, Room]:
    return {f"n{i}": Room(cpus, [1.0] * count) for i, count in enumerate(cards)}


def test_a_share_goes_to_the_fullest_card_that_suffices() -> None:
    floor = Floor(rooms(2), {1: Seated(HALF, Place("n0", (1,)))})
    assert floor.find(HALF) == Place("n0", (1,))
    floor.seat(HALF, Place("n0", (1,)))
    assert floor.find(HALF) == Place("n0", (0,))


def test_a_whole_gpu_is_found_only_where_nobody_shares_it() -> None:
    floor = Floor(rooms(2), {1: Seated(QUARTER, Place("n0", (0,)))})
    assert floor.find(WHOLE) == Place("n0", (1,))
    assert floor.find(TWO) is None


@pytest.mark.parametrize("share", [0.1, 0.3, 1 / 3, 0.7])
def test_as_many_shares_fit_on_a_card_as_fit_in_one(share: float) -> None:
    floor, shape = Floor(rooms(1), {}), Shape(0.1, share)
    seated = 0
    while (place := floor.find(shape)) is not None:
        floor.seat(shape, place)
        seated += 1
    assert seated == int(1 / share + 1e-9)


def test_the_card_with_the_fewest_workers_is_freed() -> None:
    seated = {i: Seated(QUARTER, Place("n0", (int(i > 2),))) for i in range(1, 5)} | {
        9: Seated(HALF, Place("n0", (0,)))
    }
    freed = Floor(rooms(2), seated).make_room(WHOLE)
    assert freed == (Place("n0", (1,)), {3, 4})


def test_workers_that_rest_are_ended_before_those_that_train() -> None:
    seated = {1: Seated(WHOLE, Place("n0", (0,))), 2: Seated(HALF, Place("n1", (0,)), cost=0)}
    seated[3] = Seated(HALF, Place("n1", (0,)), cost=0)
    assert Floor(rooms(1, 1), seated).make_room(WHOLE) == (Place("n1", (0,)), {2, 3})


def test_only_as_much_is_freed_as_is_needed() -> None:
    seated = {i: Seated(QUARTER, Place("n0", (0,))) for i in range(4)}
    freed = Floor(rooms(1), seated).make_room(HALF)
    assert freed is not None
    assert len(freed[1]) == 2


def test_cores_are_freed_too() -> None:
    seated = {i: Seated(Shape(1, 0), Place("n0")) for i in range(4)}
    freed = Floor(rooms(1, cpus=4), seated).make_room(Shape(3, 1))
    assert freed is not None
    assert (freed[0], len(freed[1])) == (Place("n0", (0,)), 3)


def test_a_worker_that_is_spared_is_not_ended() -> None:
    seated = {1: Seated(WHOLE, Place("n0", (0,)))}
    assert Floor(rooms(1), seated).make_room(WHOLE, spared={1}) is None


def test_what_no_node_could_hold_frees_nothing() -> None:
    floor = Floor(rooms(1, 1), {1: Seated(WHOLE, Place("n0", (0,)))})
    assert floor.make_room(TWO) is None
    assert not floor.could_hold(TWO)
    assert floor.could_hold(WHOLE)


def test_a_worker_of_a_node_that_is_gone_takes_no_room() -> None:
    floor = Floor(rooms(1), {1: Seated(WHOLE, Place("gone", (0,)))})
    assert floor.find(WHOLE) == Place("n0", (0,))
