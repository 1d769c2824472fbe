"""Ctrl-C and SIGTERM are counted, and not raised, from the start of the cluster until it has been left again."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Counts the signals while the context lasts.

    An exception would be lost where a signal arrives in a destructor, and Ray's start runs many. Before `arm` nobody
    looks at the count, so that from the second signal on KeyboardInterrupt is raised.
    """

    def __init__(self) -> None:
        self.count = 0
        self._armed = False

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def arm(self) -> None:
        """Take the signals back from Ray, which sets a handler of its own; raises KeyboardInterrupt if one has come."""
        for number in _SIGNALS:
            signal.signal(number, self._take)
        self._armed = True
        if self.count:
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1 and not self._armed:
            raise KeyboardInterrupt
