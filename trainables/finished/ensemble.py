"""One model of several: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainables.errors import TrainableError
from trainables.finished.classifier import Classifier


def averaged(members: Sequence[Classifier]) -> Any:
    """Return a Keras model that takes pixels and gives the mean of the members' probabilities.

    Raises TrainableError where the members take pictures of different sizes or channels.
    """
    import keras  # noqa: PLC0415  # needs TensorFlow, see classifier.py

    takes = {(*member.size, member.channels) for member in members}
    if len(takes) > 1:
        raise TrainableError(
            f"models that take {' and '.join(map(str, sorted(takes)))} (height, width, channels) cannot be one; "
            "expected one shape. Take fewer of the leading configurations."
        )
    pixels = keras.Input(takes.pop())
    outputs = []
    for number, member in enumerate(members):
        member.model.name = f"member_{number}"  # Models inside a model must not share a name.
        found = member.model(pixels, training=False)
        if member.logits:
            found = keras.layers.Activation("sigmoid" if found.shape[-1] == 1 else "softmax")(found)
        outputs.append(found)
    return keras.Model(pixels, keras.layers.average(outputs), name="ensemble")
