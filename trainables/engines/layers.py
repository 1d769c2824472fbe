"""Keras layers whose continuous settings are variables, so that one compiled program serves many trials.

Saved models do not contain them: `plain` exchanges them for Keras' own, which load without this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf


class Dropout(keras.layers.Dropout):
    """Keras' dropout with its rate in a variable, and with random bits at half the cost (16 for each unit).

    The rate is rounded to a multiple of 2**-16. A rate of 0 leaves the input as it is, bit for bit. `setting` names the
    setting that gives the rate in each trial.
    """

    def __init__(self, rate: float, setting: str = "dropout", **kwargs: Any) -> None:
        super().__init__(rate or 0.5, **kwargs)  # Keras makes no generator for 0, but here the rate may change later.
        self.rate = rate
        self.setting = setting
        # The variable is TensorFlow's, not Keras': a rate is not a weight, and must not be counted or saved as one.
        self.rate_now = tf.Variable(float(rate), trainable=False, dtype="float32", name="rate")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, of any shape, with the units that are kept scaled by 1 / (1 - rate)."""
        if not training:
            return inputs
        rate = self.rate_now.read_value()
        kept = _random_int16(tf.shape(inputs), self.seed_generator) >= _threshold(rate)
        return tf.where(kept, inputs, 0) * tf.cast(1 / (1 - rate), inputs.dtype)


def _threshold(rate: Any) -> Any:
    return tf.cast(tf.minimum(tf.round(rate * 2**16) - 2**15, 2**15 - 1), tf.int16)


def _random_int16(shape: Any, generator: Any) -> Any:
    """Return uniform random 16-bit integers, two from each 32 random bits."""
    size = tf.reduce_prod(shape)
    seed = tf.cast(generator.next() % (2**31 - 2), tf.int32)
    bits = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32)
    return tf.reshape(tf.reshape(tf.bitcast(bits, tf.int16), [-1])[:size], shape)


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization through TensorFlow's fused operation: the same numbers in a quarter of the time.

    Like Keras, and unlike the operation, it collects the biased variance. It serves only images, shape (batch, height,
    width, channels), in single precision; anything else takes Keras' own way.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalized inputs, shape (batch, height, width, channels)."""
        if not self._can_fuse(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        scale, offset = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
        fused = tf.compat.v1.nn.fused_batch_norm
        if not (training and self.trainable):
            return fused(inputs, scale, offset, mean, variance, self.epsilon, is_training=False)[0]
        outputs, batch_mean, unbiased = fused(inputs, scale, offset, epsilon=self.epsilon, is_training=True)
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), tf.float32)
        batch_variance = unbiased * ((count - 1) / count)
        self.moving_mean.assign(mean * self.momentum + batch_mean * (1.0 - self.momentum))
        self.moving_variance.assign(variance * self.momentum + batch_variance * (1.0 - self.momentum))
        return outputs

    def _can_fuse(self, inputs: Any, mask: Any) -> bool:
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.compute_dtype == "float32"
            and (self.scale and self.center and not self.renorm and not self.synchronized and mask is None)
        )


def leaves(model: keras.Model) -> Iterator[Any]:
    """Yield every layer that holds no other, in the order of the model; nested models are taken apart."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def is_layer_graph(model: keras.Model) -> bool:
    """Return whether the model is sequential or functional, and so can be cloned; a subclassed one cannot."""
    return isinstance(model, keras.Sequential) or type(model).__name__ == "Functional"


def output_shape(model: keras.Model, image_shape: tuple[int, ...]) -> Any:
    """Return the output shape for a batch of any size, such as (None, units), or the shapes of all outputs."""
    if is_layer_graph(model):
        return model.output_shape
    return keras.tree.map_structure(lambda output: tuple(output.shape), model(keras.Input(image_shape)))


def plain(model: keras.Model, rates: Mapping[str, float]) -> keras.Model:
    """Return the same network made of Keras' own layers, with new weights; it loads without this package.

    `rates` are the dropout rates by layer name, which become constants. A subclassed model is returned unchanged.
    """

    def exchange(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, Dropout):
            return keras.layers.Dropout.from_config({**config, "rate": rates[layer.name]})
        if isinstance(layer, BatchNormalization):
            return keras.layers.BatchNormalization.from_config(config)
        return layer.__class__.from_config(config)

    return keras.models.clone_model(model, clone_function=exchange, recursive=True) if is_layer_graph(model) else model


def in_precision(model: keras.Model, policy: str) -> keras.Model:
    """Return the same network with new weights, whose layers but the last compute as Keras' policy says.

    The last layer computes in single precision. The model itself has the policy too, by which Keras scales the loss for
    float16.
    """
    if policy == "float32":
        return model
    last = model.layers[-1]

    def exchange(layer: Any) -> Any:
        config = layer.get_config()
        return layer.__class__.from_config(config if layer is last else {**config, "dtype": policy})

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return keras.models.clone_model(model, clone_function=exchange, recursive=True)
    finally:
        keras.config.set_dtype_policy(before)
