"""The same question to every node of the cluster, answered there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

Answer = TypeVar("Answer")


def ask_nodes(
    question: Callable[[str], Answer], timeout_s: float
) -> list[tuple[dict[str, Any], Answer | ray.exceptions.RayError]]:
    """Each living node, as Ray describes it, with what `question` gives there when it is called with its address.

    A node that cannot run it, or not within `timeout_s` seconds, has Ray's error for an answer. One that has died is
    left out: Ray takes a node that was killed for alive for up to a quarter of a minute.
    """
    ask = ray.remote(num_cpus=0)(_answer)
    asked = []
    for node in living():
        asked.append((node, ask.options(**there(node)).remote(question, node["NodeManagerAddress"])))
    answered = [(node, _wait(answer, timeout_s)) for node, answer in asked]
    still_there = {node["NodeID"] for node in living()}
    return [(node, answer) for node, answer in answered if node["NodeID"] in still_there]


def living() -> list[dict[str, Any]]:
    """The nodes that Ray takes for alive, as it describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def there(node: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which Ray runs something on that node, and on no other."""
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)}


def _answer(question: Callable[[str], Answer], name: str) -> Answer:
    return question(name)


def _wait(answer: Any, timeout_s: float) -> Any:
    try:
        return ray.get(answer, timeout=timeout_s)
    except ray.exceptions.RayError as error:
        return error
