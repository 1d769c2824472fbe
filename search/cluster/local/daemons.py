"""Lets Ray start on this machine without the daemons that a search on one machine never asks.

Each imports Ray anew, half a second of a core or more while the search starts, and Ray has no setting against them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from search.cluster.local import absent_agent

_DAEMONS = ("start_monitor", "start_log_monitor", "start_api_server")
"""Of a node that Ray starts: its autoscaler, what shows its workers' output, its web server."""
_AGENTS = ("dashboard_agent", "runtime_env_agent")
"""Of its raylet, which does not start without: each has a stand-in."""
_PYTHON_OF = "_build_python_executable_command_memory_profileable"
"""Ray's function for the Python that runs a daemon."""
_KNOWN = "2.60."
"""The version of Ray of which it is known what a raylet waits for."""


@contextmanager
def daemons_left_out() -> Iterator[None]:
    """Let `ray.init` start only what the search asks, for as long as the context lasts."""
    node = ray._private.node.Node
    others = {name: lambda *_, **__: None for name in _DAEMONS if hasattr(node, name)}
    with replaced(node, others), replaced(ray._private.services, _stand_ins()):
        yield


@contextmanager
def inherited_environment() -> Iterator[None]:
    """Let workers take their environment from the driver, which started their node: nobody is asked to make one.

    Tune passes some variables on to each of its workers, and the agent that makes such an environment is left out.
    """
    from ray.tune.execution import class_cache  # noqa: PLC0415  # Tune takes a second to import.

    with replaced(class_cache, {"DEFAULT_ENV_VARS": {}, "ENV_VARS_TO_PROPAGATE": frozenset()}):
        yield


def _stand_ins() -> dict[str, Any]:
    """What takes the place of Ray's function that starts agents; nothing with a Ray that may wait for other things."""
    if sys.platform != "linux" or not ray.__version__.startswith(_KNOWN):
        return {}
    python_of = getattr(ray._private.services, _PYTHON_OF)

    def command(component: str, *words: Any, **named: Any) -> Any:
        if component in _AGENTS:
            return [sys.executable, "-I", "-S", str(Path(absent_agent.__file__))]
        return python_of(component, *words, **named)

    return {_PYTHON_OF: command}


@contextmanager
def replaced(owner: Any, values: dict[str, Any]) -> Iterator[None]:
    """Let attributes have other values."""
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)
