"""Ends a driver whose cluster has gone: Ray itself would wait a minute and then end it without saying why."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

STUCK_S = 30.0
"""Time without a turn of Tune's loop, which otherwise turns ten times a second, after which the cluster is lost."""
LOOK_EVERY_S = 1.0
LOST = 1
"""The exit code of the process then."""


class Watchdog:
    """Ends the process when the loop inside this context has not called `turn` for `STUCK_S` seconds.

    A loop whose cluster has gone hangs inside Ray's native code, where no exception reaches it. So it is another thread
    that then calls `save`, tells the user why with `tell`, and ends the process. It counts how often it has looked, and
    not what the clock says: while all stands still, by Ctrl-Z or with the machine, it does not look either.
    """

    def __init__(self, save: Callable[[], None], tell: Callable[[], None]) -> None:
        self._save, self._tell = save, tell
        self._looks = 0
        """How often it has looked since the last turn."""
        self._over = threading.Event()

    def turn(self) -> None:
        """Note that the loop is alive."""
        self._looks = 0

    def __enter__(self) -> Watchdog:
        self.turn()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._looks += 1
            if self._looks * LOOK_EVERY_S > STUCK_S:
                try:
                    self._save()
                finally:
                    self._tell()
                    sys.stderr.flush()  # The process ends without what Python does at its end.
                    os._exit(LOST)
