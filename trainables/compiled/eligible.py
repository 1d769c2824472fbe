"""Decides which models the compiled program trains exactly as Keras' `fit` does, and says why others are refused."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from keras import layers

_NO_CONDITION: tuple[type, ...] = (
    layers.InputLayer,
    *(layers.Dense, layers.EinsumDense, layers.Activation, layers.Identity),
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv1DTranspose, layers.Conv2DTranspose),
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D),
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
    *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalAveragePooling1D),
    layers.GlobalAveragePooling2D,
    *(layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector),
    *(layers.Cropping1D, layers.Cropping2D, layers.ZeroPadding1D, layers.ZeroPadding2D),
    *(layers.UpSampling1D, layers.UpSampling2D),
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum),
    *(layers.Concatenate, layers.Dot),
    *(layers.LayerNormalization, layers.GroupNormalization, layers.UnitNormalization),
    *(layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax),
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout),
    *(layers.Rescaling, layers.Resizing, layers.CenterCrop),
    *(layers.RandomFlip, layers.RandomRotation, layers.RandomTranslation, layers.RandomZoom, layers.RandomShear),
)
_CONDITIONS: dict[type, Callable[[Any], bool]] = {
    layers.BatchNormalization: lambda layer: not (layer.renorm or layer.synchronized),
    **dict.fromkeys(
        (layers.LSTM, layers.GRU, layers.SimpleRNN),
        # Such layers keep dropout masks or states from step to step, outside the weights.
        lambda layer: not (layer.stateful or layer.dropout or layer.recurrent_dropout or layer.return_state),
    ),
}
_SET_BY_KERAS = {"build", "quantize", "loss"}
"""Names of methods under which Keras itself puts something on single objects."""


def reason_for_fit(model: keras.Model, image_shape: tuple[int, ...]) -> str | None:
    """Return in words why the model needs `fit`, or None where the compiled program does the same."""
    if not is_plain(model):
        return f"a {type(model).__name__} may compute anything"
    if not (isinstance(model.input_shape, tuple) and isinstance(model.output_shape, tuple)):
        return "it has several inputs or outputs"
    if not model.trainable_variables:
        return "it has no weight to train"
    given = model.inputs[0]
    if tuple(given.shape) != (None, *image_shape) or given.dtype != "float32" or given.sparse:
        return f"its input is {tuple(given.shape)} of {given.dtype}, and not {(None, *image_shape)} of float32"
    if isinstance(last_operation(model), layers.Dropout):
        # Keras looks through one of rate 0 for the softmax in front of it, and the program has a layer of its own.
        return "its last layer is a Dropout"
    return _of_content(model)


def last_operation(model: Any) -> Any:
    """Return what computes the output, even inside nested models, or the model itself where that cannot be read."""
    if not is_plain(model):
        return model
    last = model.layers[-1] if isinstance(model, keras.Sequential) else model.outputs[0]._keras_history.operation
    return last_operation(last) if isinstance(last, keras.Model) and last is not model else last


def is_its_weights(model: keras.Model) -> bool:
    """Return whether models of this configuration differ in their weights only, as far as is known."""
    return is_plain(model) and _of_content(model) is None


def _of_content(model: keras.Model) -> str | None:
    reasons = (_of_operation(operation) for operation in operations(model))
    return next(filter(None, reasons), None) or _of_configuration(model)


def is_plain(model: Any) -> bool:
    """Return whether the model is itself a Sequential or a functional Model, not an instance of a subclass."""
    kind = type(model)
    return kind is keras.Sequential or (kind.__name__ == "Functional" and kind.__module__.startswith("keras."))


def operations(model: keras.Model) -> Iterator[Any]:
    """Yield the model, its layers and whatever else it computes with; nested models are taken apart."""
    yield model
    own = model.layers if isinstance(model, keras.Sequential) else model.operations
    for operation in own:
        if isinstance(operation, keras.Model):
            yield from operations(operation) if is_plain(operation) else (operation,)
        else:
            yield operation


def _of_operation(operation: Any) -> str | None:
    kind, replaced = type(operation), _replaced_methods(operation)
    what = f"layer '{operation.name}' ({kind.__name__})"
    if replaced:
        return f"{what} has a `{min(replaced)}` of its own"
    if is_plain(operation):
        return None
    if not isinstance(operation, keras.Layer):
        return None if kind.__module__.startswith("keras.src.ops.") else f"it computes with {kind.__name__}"
    if operation.dtype_policy.name != "float32":
        return f"{what} computes in {operation.dtype_policy.name}"
    if kind in _NO_CONDITION or (kind in _CONDITIONS and _CONDITIONS[kind](operation)):
        return None
    return f"{what} may keep state outside its weights"


def _replaced_methods(operation: Any) -> set[str]:
    """Return the methods that a user has replaced on this single object."""
    own = vars(operation).keys() - _SET_BY_KERAS
    return {name for name in own if inspect.isfunction(getattr(type(operation), name, None))}


def _of_configuration(model: keras.Model) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The warning is about a lambda, which the check below finds anyway.
        foreign = next(_foreign(model.get_config()), None)
    return None if foreign is None else f"it computes with {foreign}, which is not Keras' own"


def _foreign(config: Any) -> Iterator[str]:
    """Yield what in a configuration names code that is not Keras' own."""
    if isinstance(config, Mapping):
        kind, module = config.get("class_name"), str(config.get("module") or "")
        if kind is not None and kind != "__keras_tensor__" and module.partition(".")[0] != "keras":
            yield str(config.get("config") if kind == "function" else kind)
        elif "value" in config and kind is None:
            yield "a lambda"
        for value in config.values():
            yield from _foreign(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _foreign(value)
    elif not (config is None or isinstance(config, bool | int | float | str)):
        yield type(config).__name__
