"""Our comparison of two epochs' metrics is Keras' own, to the last bit of single precision."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from trainables.engines.runtime import configure

configure(cpus=1)

import keras  # noqa: E402  # after its threads are set

from trainables.training.early_stopping import _Plateau, _Stopper  # noqa: E402  # likewise


def values() -> list[float]:
    """Metrics of epochs: noise, ties that only double precision tells apart, and no number."""
    rng = np.random.default_rng(0)
    found = [0.5 + 0.1 * float(rng.standard_normal()) for _ in range(20)]
    top = max(found)
    return [*found, top + 1e-9, top + 1e-7, top - 1e-9, top + 1e-3, float("nan"), min(found) - 1e-9, min(found) - 1e-4]


class _Model(SimpleNamespace):
    """What the callbacks ask of a model."""

    def get_weights(self) -> list[Any]:
        return []


def course(callback: Any) -> list[tuple[object, ...]]:
    """What the callback holds after each epoch."""
    callback.set_model(_Model(stop_training=False, optimizer=SimpleNamespace(learning_rate=0.1)))
    callback.on_train_begin()
    held: list[tuple[object, ...]] = []
    for epoch, value in enumerate(values()):
        callback.on_epoch_end(epoch, {"val_accuracy": value})
        model = callback.model
        held.append((callback.best, callback.wait, model.stop_training, model.optimizer.learning_rate))
    return held


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(_Stopper, keras.callbacks.EarlyStopping), (_Plateau, keras.callbacks.ReduceLROnPlateau)],
)
def test_epochs_are_compared_as_keras_compares_them(ours: Any, theirs: Any, mode: str) -> None:
    assert course(ours("val_accuracy", mode=mode, patience=3)) == course(theirs("val_accuracy", mode=mode, patience=3))
