"""Worlds for the tests of the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.search_world import World


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., World]:
    """Return what makes a world, which is closed at the end of the test."""

    def make_world(**changes: object) -> World:
        world = World(tmp_path, **changes)
        request.addfinalizer(world.close)
        return world

    return make_world
