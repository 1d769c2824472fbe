"""Early stopping and the plateau rule: Keras' own callbacks, which we tell of each epoch, and their saved state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from trainables.engines.contract import Engine, State
from trainables.engines.initial_weights import Weights
from trainables.settings.image import ImageSettings
from trainables.trial import Config, Metrics

_OF_THE_EPOCH = frozenset({"epoch", "stage", "seconds", "learning_rate", "train_images"})
"""Values that are reported but do not say how good the weights are."""


OF_STOPPING = "best_"
"""How the names of its arrays in a checkpoint begin."""


class EarlyStopping:
    """Watches the metric of the search, stops when patience is used up, and restores the best weights at the end."""

    def __init__(self, engine: Engine, settings: ImageSettings, config: Config, best: float | None = None) -> None:
        self.stop_training = False
        self.optimizer = engine.optimizer
        self.get_weights = engine.get_weights
        self.set_weights = engine.set_weights
        self._stopper, self._callbacks = _callbacks(settings, config)
        for callback in self._callbacks:
            callback.set_model(self)  # The four attributes above are all that the callbacks ask of a model.
            callback.on_train_begin()
        if best is not None:
            self._stopper.best, self._stopper.best_weights = best, engine.get_weights()

    @property
    def best(self) -> float | None:
        """Best value of the metric so far."""
        return None if self._stopper.best is None else float(self._stopper.best)

    def after_epoch(self, epoch: int, metrics: Metrics) -> None:
        """Tell the callbacks of an epoch, which is counted from 1."""
        for callback in self._callbacks:
            if callback.monitor not in metrics:
                callback.monitor, callback.mode = "val_loss", "min"
            callback.on_epoch_end(epoch - 1, dict(metrics))

    def restore_best(self) -> None:
        """Set the weights of the best epoch, at the end of the training."""
        for callback in self._callbacks:
            callback.on_train_end()

    def state(self) -> tuple[State, dict[str, Any]]:
        """Return arrays (the best weights) and plain values for a checkpoint."""
        best: Weights = self._stopper.best_weights or []
        values = [{name: getattr(c, name) for name in _STATE if hasattr(c, name)} for c in self._callbacks]
        return {f"{OF_STOPPING}{i}": weight for i, weight in enumerate(best)}, {
            "stop": self.stop_training,
            "callbacks": values,
        }

    def restore(self, arrays: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.stop_training = plain["stop"]
        for callback, values in zip(self._callbacks, plain["callbacks"], strict=True):
            for name, value in values.items():
                setattr(callback, name, value)
        count = sum(name.startswith(OF_STOPPING) for name in arrays)
        self._stopper.best_weights = [np.asarray(arrays[f"{OF_STOPPING}{i}"]) for i in range(count)] or None


class _Plainly:
    """Part of a callback: it compares two numbers as Keras does, in single precision, and without TensorFlow.

    Two operations of TensorFlow take half a millisecond, after each epoch.
    """

    monitor_op: Any

    def _set_monitor_op(self) -> None:
        super()._set_monitor_op()  # type: ignore[misc]  # Keras' own, which stands behind this one
        better = {keras.ops.less: np.less, keras.ops.greater: np.greater}[self.monitor_op]
        self.monitor_op = lambda value, reference: bool(better(np.float32(value), np.float32(reference)))


class _Stopper(_Plainly, keras.callbacks.EarlyStopping):
    pass


class _Plateau(_Plainly, keras.callbacks.ReduceLROnPlateau):
    pass


def followed_metric(config: Config) -> tuple[str, str]:
    """Return the metric by which the epochs of a trial are compared, and `max` or `min`, whichever is better."""
    metric = str(config.get("metric", "val_accuracy"))
    return metric, str(config.get("mode") or ("min" if metric.endswith("loss") else "max"))


_STATE = ("monitor", "mode", "wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")


def _callbacks(settings: ImageSettings, config: Config) -> tuple[Any, list[Any]]:
    """Return the early stopping, which keeps the best weights even where it never stops, and all callbacks."""
    monitor, mode = followed_metric(config)
    monitor = "val_accuracy" if monitor in _OF_THE_EPOCH else monitor
    longest = max(settings.epochs, settings.second_epochs)  # Patience as long as a stage never ends.
    patience = longest if settings.patience is None else settings.patience
    stopper = _Stopper(monitor, mode=mode, patience=patience, restore_best_weights=True)
    if settings.reduce_on_plateau is None:
        return stopper, [stopper]
    plateau = _Plateau(monitor, mode=mode, factor=settings.reduce_factor, patience=settings.reduce_on_plateau)
    return stopper, [stopper, plateau]
