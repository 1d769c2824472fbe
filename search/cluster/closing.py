"""How workers hear that the search is being closed: by a file, or by Ray where their node does not see the folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

from search.experiment.lock import sees
from search.trial.messages import CLOSING, RunContext

ASK_EVERY_S = 1.0
"""How often a worker asks Ray."""


class _Sign:
    """An actor that does nothing: that there is one of its name is the sign."""


def raise_sign(token: str) -> Any:
    """Tell workers everywhere; the sign stands while what is given back is held."""
    return ray.remote(num_cpus=0)(_Sign).options(name=_name(token)).remote()


def watcher(context: RunContext) -> Callable[[], bool]:
    """What a worker on this node asks to know whether the search is being closed."""
    if sees(Path(context.experiment), context.token):
        return (Path(context.experiment) / CLOSING).exists
    return _Watcher(_name(context.token)).is_closing


class _Watcher:
    def __init__(self, name: str) -> None:
        self._name = name
        self._closing = False
        self._asked = 0.0

    def is_closing(self) -> bool:
        """Asks at most every `ASK_EVERY_S`."""
        if not self._closing and time.monotonic() - self._asked > ASK_EVERY_S:
            self._asked = time.monotonic()
            try:
                ray.get_actor(self._name)
                self._closing = True
            except ValueError:  # There is none of that name.
                pass
        return self._closing


def _name(token: str) -> str:
    return f"closing-{token}"
