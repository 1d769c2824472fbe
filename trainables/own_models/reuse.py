"""Refuses a model of which an earlier trial of the same process has trained a part: no trial begins where one ended."""

from __future__ import annotations

from typing import Any
from weakref import ref

import keras

from trainables.errors import TrainableError

_trained: dict[int, ref[Any]] = {}
"""Weights that trials of this process train or have trained, by their id, for as long as they live."""


def check_is_new(model: keras.Model) -> None:
    """Note the weights that this trial trains; raises TrainableError where another trial has trained one of them.

    So it is where `build` takes a layer from the space file or from its HyperModel. Frozen layers may be shared.
    """
    weights: list[Any] = model.trainable_variables
    for weight in weights:
        known = _trained.get(id(weight))
        if known is not None and id(known()) == id(weight):
            raise TrainableError(
                f"the weight '{weight.path}' of the model that build gave has been trained by an earlier trial; "
                "expected a model whose trained layers are new in every trial. Make them within build, or freeze them "
                "(trainable=False)."
            )
    for weight in weights:
        _trained[id(weight)] = ref(weight, _forgetting(id(weight)))


def _forgetting(number: int) -> Any:
    def forget(dead: Any) -> None:
        if _trained.get(number) is dead:  # Another weight may have the number by now.
            del _trained[number]

    return forget
