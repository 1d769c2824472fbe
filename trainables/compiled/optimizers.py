"""Makes optimizers by name, with learning rate and weight decay in variables."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainables.compiled.schedules import Schedule

_MAKERS: dict[str, Any] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
    "sgd_momentum": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
}


def make_optimizer(name: str, *, decays: bool, schedule: Schedule | None = None) -> keras.optimizers.Optimizer:
    """Return Keras' optimizer with this name; `decays` makes room for a weight decay, which AdamW has anyway.

    The learning rate is a variable, or follows the `schedule`.
    """
    optimizer = _MAKERS[name]()
    if schedule is not None:
        optimizer.learning_rate = schedule
    # Keras sums gradients over replicas even if there is only one, by a TensorFlow function that registers a gradient
    # for ever, and with it the whole traced graph: several MB for every model that is trained.
    optimizer._all_reduce_sum_gradients = list
    if decays or optimizer.weight_decay is not None:
        optimizer.weight_decay = tf.Variable(optimizer.weight_decay or 0.0, trainable=False, dtype="float32")
    return optimizer


def set_weight_decay(optimizer: keras.optimizers.Optimizer, weight_decay: float | None) -> None:
    """Set the weight decay; with None the optimizer keeps its own default, 0.004 for AdamW and 0 for the others."""
    if isinstance(optimizer.weight_decay, tf.Variable):
        own = 0.004 if isinstance(optimizer, keras.optimizers.AdamW) else 0.0
        optimizer.weight_decay.assign(own if weight_decay is None else weight_decay)
