"""How workers hear that the search is being closed: by a file, or by Ray where their node does not see the folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

from search.experiment.lock import sees
from search.trial.messages import CLOSING, SearchContext

ASK_EVERY_S = 1.0
"""How often a worker asks Ray."""


class _Sign:
    """An actor that does nothing: that there is one of its name is the sign."""


def raise_sign(token: str) -> Any:
    """Tell workers on all nodes, for as long as the handle that comes back is held."""
    return ray.remote(num_cpus=0)(_Sign).options(name=_name(token)).remote()


def watcher(context: SearchContext) -> Callable[[], bool]:
    """What a worker on this node asks to know whether the search is being closed."""
    if sees(Path(context.experiment), context.token):
        return (Path(context.experiment) / CLOSING).exists
    return _Watcher(_name(context.token)).is_closing


class _Watcher:
    """Asks Ray for the sign, at most every `ASK_EVERY_S`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._closing = False
        self._asked = 0.0

    def is_closing(self) -> bool:
        """Whether the sign has been seen."""
        if not self._closing and time.monotonic() - self._asked > ASK_EVERY_S:
            self._asked = time.monotonic()
            try:
                ray.get_actor(self._name)
                self._closing = True
            except ValueError:  # There is no actor of that name.
                pass
        return self._closing


def _name(token: str) -> str:
    return f"closing-{token}"
