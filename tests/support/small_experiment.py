"""A small experiment's space and rows."""

from __future__ import annotations

from search.space import Choice, Float, Int, Space
from trainables.branin import train

SPACE = Space(
    trainable=train,
    parameters={"x1": Float(-5, 10), "depth": Int(1, 3, when={"kind": "deep"}), "kind": Choice("deep", None, 3)},
    metric="value",
    mode="min",
    trials=3,
)


def row(number: int, state: str = "complete", /, **more: object) -> dict[str, object]:
    return {"trial_id": f"{number:05d}", "number": number, "state": state, **more}
