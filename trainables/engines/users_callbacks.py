"""Carries a user's Keras callbacks through a training in which each epoch is a call of `fit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from trainables.errors import TrainableError


class UsersCallbacks:
    """Callbacks that are told of one training, although `fit` is called for each epoch."""

    def __init__(self, given: Any = ()) -> None:
        """Take what Keras' `fit` takes: one callback, several, or None; raises TrainableError for anything else."""
        self.callbacks: list[Any] = keras.tree.flatten(given) if given is not None else []
        foreign = next((one for one in self.callbacks if not isinstance(one, keras.callbacks.Callback)), None)
        if foreign is not None:
            raise TrainableError(f"callbacks(config) gave {foreign!r}; expected a list of keras.callbacks.Callback.")
        if any(isinstance(one, keras.callbacks.SwapEMAWeights) for one in self.callbacks):
            raise TrainableError(
                "callbacks(config) gave SwapEMAWeights, with which validation would measure other weights than the "
                "test does and the saved model has; leave it out."
            )
        self.has_begun = False
        """Whether an epoch has been trained, or begun."""

    @contextmanager
    def one_epoch(self, epochs: int) -> Iterator[list[Any]]:
        """Yield the callbacks for one call of `fit`, the first of which begins the training for them; none ends it.

        They are told, as `params["epochs"]`, the `epochs` of the whole training.
        """
        for callback in self.callbacks:
            callback.set_params = _telling(callback, epochs)
            callback.on_train_end = _nothing
            if self.has_begun:
                callback.on_train_begin = _nothing
        try:
            yield self.callbacks
        finally:
            for callback in self.callbacks:
                for replaced in ("set_params", "on_train_begin", "on_train_end"):
                    vars(callback).pop(replaced, None)
            self.has_begun = True

    def end(self) -> None:
        """Tell the callbacks that the training has ended."""
        for callback in self.callbacks:
            callback.on_train_end({})


class RateOfEpoch(keras.callbacks.Callback):
    """Reads the learning rate with which an epoch begins, behind callbacks that set it."""

    value = float("nan")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Read the rate, where the optimizer has one."""
        rate = getattr(self.model.optimizer, "learning_rate", None)
        self.value = float("nan") if rate is None else float(keras.ops.convert_to_numpy(rate))


def _telling(callback: Any, epochs: int) -> Any:
    """Return a `set_params` that tells the epochs of the whole training in place of those of one call of `fit`."""
    own = callback.set_params

    def set_params(params: Mapping[str, Any]) -> None:
        own({**params, "epochs": epochs})

    return set_params


def _nothing(logs: Any = None) -> None:
    """Ignore that Keras says that a training begins or ends, because it does not."""
