"""The same question to every node of the cluster, answered there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

Answer = TypeVar("Answer")


def ask_nodes(
    question: Callable[[str], Answer], timeout_s: float
) -> list[tuple[dict[str, Any], Answer | ray.exceptions.RayError]]:
    """Each living node, as Ray describes it, with what `question` gives there when it is called with its address.

    A node that cannot run it, or not within `timeout_s` seconds, has Ray's error for an answer.
    """
    ask = ray.remote(num_cpus=0)(_answer)
    asked = []
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked.append((node, ask.options(scheduling_strategy=there).remote(question, node["NodeManagerAddress"])))
    return [(node, _wait(answer, timeout_s)) for node, answer in asked]


def _answer(question: Callable[[str], Answer], name: str) -> Answer:
    return question(name)


def _wait(answer: Any, timeout_s: float) -> Any:
    try:
        return ray.get(answer, timeout=timeout_s)
    except ray.exceptions.RayError as error:
        return error
