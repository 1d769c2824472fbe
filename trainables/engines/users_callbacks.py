"""A user's callbacks of Keras, through a training whose epochs are calls of `fit` of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class UsersCallbacks:
    """Hears of one training, and not of as many as there are calls of `fit`."""

    def __init__(self, callbacks: Sequence[Any] = ()) -> None:
        self.callbacks = list(callbacks)
        self._has_begun = False

    @contextmanager
    def one_epoch(self) -> Iterator[list[Any]]:
        """The callbacks for one call of `fit`: a training begins with the first, and ends with none of them."""
        for callback in self.callbacks:
            callback.on_train_end = _nothing
            if self._has_begun:
                callback.on_train_begin = _nothing
        try:
            yield self.callbacks
        finally:
            for callback in self.callbacks:
                vars(callback).pop("on_train_begin", None)
                vars(callback).pop("on_train_end", None)
            self._has_begun = True

    def end(self) -> None:
        """The training has ended."""
        for callback in self.callbacks:
            callback.on_train_end({})


def _nothing(logs: Any = None) -> None:
    """Keras says that a training begins or ends, and it does not."""
