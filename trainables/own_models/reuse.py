"""Refuses a model of which an earlier trial of the process has trained a part: no trial begins where one ended."""

from __future__ import annotations

from typing import Any
from weakref import ref

import keras

from trainables.errors import TrainableError

_trained: dict[int, ref[Any]] = {}
"""Weights that trials of this process train or have trained, by their id, for as long as they live."""


def check_is_new(model: keras.Model) -> None:
    """Note the weights that this trial trains; raises TrainableError where another trial has trained one of them.

    So it is where `build` takes a layer from the space file or from its HyperModel. Frozen layers may be shared. An
    optimizer that has trained another model is refused too, as by Keras, which tells it in the midst of a step.
    """
    _check_optimizer(model)
    weights: list[Any] = model.trainable_variables
    for weight in weights:
        known = _trained.get(id(weight))
        is_known = known is not None and known() is weight
        if is_known:
            raise TrainableError(
                f"the weight '{weight.path}' of the model that build gave has been trained by an earlier trial; "
                "expected a model whose trained layers are new in every trial. Make them within build, or freeze them "
                "(trainable=False)."
            )
    for weight in weights:
        _trained[id(weight)] = ref(weight, _forgetting(id(weight)))


def _check_optimizer(model: keras.Model) -> None:
    compiled = getattr(model, "optimizer", None)
    optimizer = getattr(compiled, "inner_optimizer", compiled)
    if optimizer is None or not optimizer.built:
        return
    own = {id(variable) for variable in model.trainable_variables}
    if not any(id(variable) in own for variable in optimizer._trainable_variables):
        raise TrainableError(
            f"the {type(optimizer).__name__} with which build compiled the model has trained another model; expected "
            "an optimizer that is new in every trial. Make it within build."
        )


def _forgetting(number: int) -> Any:
    def forget(dead: Any) -> None:
        if _trained.get(number) is dead:  # Another weight may have the number by now.
            del _trained[number]

    return forget
