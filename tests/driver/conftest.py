"""Worlds for the tests of the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search.space import Choice, Float
from tests.support.dispatch_site import SIZES, Site
from tests.support.search_world import World


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., World]:
    """Return what makes a world, which is closed at the end of the test."""

    def make_world(**changes: object) -> World:
        world = World(tmp_path, **changes)
        request.addfinalizer(world.close)
        return world

    return make_world


@pytest.fixture
def make_site(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Site]:
    """Return what makes a site for so many trials: each node has so many GPUs, and a share of the trials wants a whole.

    The rest wants a quarter of one.
    """

    def make_one(
        trials: int, gpus: tuple[int, ...], big: float, limit: int | None = None, sampler: str = "random"
    ) -> Site:
        sizes = tuple(range(round(SIZES * big)))
        world = World(
            tmp_path / f"{trials}-{big}",
            trials=trials,
            parameters={"x": Float(0, 1), "size": Choice(*range(SIZES))},
            gpus_per_trial=[({"size": sizes}, 1.0), 0.25] if sizes else 0.25,
            sampler=sampler,
        )
        request.addfinalizer(world.close)
        return Site(world, gpus, limit)

    return make_one
