"""Carries a user's Keras callbacks through a training in which each epoch is a call of `fit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class UsersCallbacks:
    """Callbacks that are told of one training, although `fit` is called for each epoch."""

    def __init__(self, callbacks: Sequence[Any] = ()) -> None:
        self.callbacks = list(callbacks)
        self._has_begun = False

    @contextmanager
    def one_epoch(self) -> Iterator[list[Any]]:
        """Yield the callbacks for one call of `fit`: only the first begins the training for them, and none ends it."""
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
        """Tell the callbacks that the training has ended."""
        for callback in self.callbacks:
            callback.on_train_end({})


def _nothing(logs: Any = None) -> None:
    """Ignore that Keras says that a training begins or ends, because it does not."""
