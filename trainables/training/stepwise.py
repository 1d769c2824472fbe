"""Runs a function in a thread that waits at every report until its caller goes on: only one of the two works at a time.

When the caller ends meanwhile, the report raises in that thread, so that the function's `finally` clauses run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from trainables.own_models.keras_state import for_another_thread
from trainables.trial import Metrics

CLOSING_S = 60.0
"""Longest wait for the thread of a closed trial to end, in seconds."""

T = TypeVar("T")


class _Closed(BaseException):
    """Tells the user's thread that the trial was closed; no `except Exception` of the user's can catch it."""


def stepwise(body: Callable[[Callable[[Metrics], None]], T]) -> Generator[Metrics, None, T]:
    """Run `body(report)` in a thread, yield what it reports, return what it returns, and raise what it raises."""
    said: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    answers: SimpleQueue[bool] = SimpleQueue()
    closed = False
    take_state = for_another_thread()

    def report(metrics: Metrics) -> None:
        said.put(("report", metrics))
        if closed or not answers.get():
            raise _Closed

    def run() -> None:
        take_state()
        try:
            said.put(("result", body(report)))
        except BaseException as error:  # Whatever it is, it belongs to the thread of the trial.
            said.put(("error", error))

    thread = Thread(target=run, name="fit", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = said.get()
            if kind == "result":
                return value  # type: ignore[no-any-return]
            if kind == "error":
                raise value
            yield value
            answers.put(True)
    finally:
        closed = True
        answers.put(False)
        thread.join(CLOSING_S)
