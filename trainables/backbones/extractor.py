"""Computes features from pixels as fast as the processor allows: a backbone's frozen part is one constant graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.backbones.features import About, Array
from trainables.backbones.head import POOLED
from trainables.backbones.network import preprocessed
from trainables.networks.augmentation import augmentation
from trainables.settings.image import ImageSettings


class FrozenPart:
    """The layers in front of the cut, in inference mode, and the pooling where nothing after it needs the positions.

    For a whole backbone TensorFlow may fold batch normalization into convolutions, because their weights are constant:
    that takes a third less time for a MobileNetV2, and gives the same numbers to float tolerance. In front of a part
    that trains it may not: there the numbers must be the same to the last bit on one core, because training amplifies
    any difference.
    """

    def __init__(
        self, piece: keras.Model, settings: ImageSettings, image_shape: tuple[int, ...], *, pools: bool, folds: bool
    ) -> None:
        pooled = POOLED[settings.pooling]() if pools else None
        shape = piece.output_shape[1:]
        self.about = About(shape[-1:] if pooled else shape, piece.count_params(), len(piece.weights))
        self._augmented = _augmenter(settings, image_shape)
        values = [(variable, variable.numpy()) for variable in piece.variables]

        def features(images: Any) -> Any:
            constants = [(variable, tf.constant(value)) for variable, value in values]
            with keras.StatelessScope(state_mapping=constants):
                x = piece(preprocessed(tf.cast(images, tf.float32), settings.network), training=False)
            return x if pooled is None else pooled(x)

        signature = [tf.TensorSpec((None, *image_shape), tf.float32)]
        with _rewriting() if folds else nullcontext():
            self._features = tf.function(features, input_signature=signature, autograph=False).get_concrete_function()
            self._features(tf.zeros((1, *image_shape)))  # TensorFlow rewrites the graph when it first runs.

    def __call__(self, images: NDArray[np.uint8], seed: int | None) -> Array:
        """Return features of images, shape (n, height, width, channels); with a seed, features of augmented images."""
        pixels = tf.constant(images, tf.float32)
        if seed is not None:
            pixels = self._augmented(pixels, seed)
        return np.asarray(self._features(pixels))


def _augmenter(settings: ImageSettings, image_shape: tuple[int, ...]) -> Any:
    """Return a function (images, seed) that changes images at random."""
    layers = augmentation(settings, "none", image_shape)
    model = keras.Sequential([keras.Input(image_shape), *layers])
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]

    def augmented(pixels: Any, seed: int) -> Any:
        for place, state in enumerate(states):
            state.assign([seed, place])
        return model(pixels, training=True)

    return augmented


@contextmanager
def _rewriting() -> Iterator[None]:
    """Let TensorFlow rewrite graphs in the block, which training processes have turned off."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})
