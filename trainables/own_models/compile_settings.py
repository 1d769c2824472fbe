"""What a user's `compile` says counts: how it goes with the configuration, and whether the compiled program does it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
from keras import losses, optimizers

from trainables.engines.batches import Labels
from trainables.errors import TrainableError
from trainables.trial import DatasetInfo, LabelForm

_BY_ELEMENT = (
    *(optimizers.Adam, optimizers.AdamW, optimizers.Nadam, optimizers.Adamax, optimizers.RMSprop, optimizers.SGD),
    *(optimizers.Adagrad, optimizers.Adadelta, optimizers.Ftrl),
)
"""Optimizers that treat every weight by itself, so that all weights may lie in one vector. Lion is not among them: it
steps by the sign of a gradient, which rounding decides where the gradient is zero."""
_OFF = {
    **dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue", "ema_overwrite_frequency"), None),
    **dict.fromkeys(("loss_scale_factor", "gradient_accumulation_steps"), None),
    "use_ema": False,
}
"""Settings of an optimizer that must have these values, which are its defaults."""
_OF_CLASS_NUMBERS = (losses.SparseCategoricalCrossentropy, losses.Circle, losses.CTC)
"""Keras' losses that take class numbers; all others compare unit by unit."""
_NAMES_OF_CLASS_NUMBERS = frozenset({"sparse_categorical_crossentropy", "circle", "ctc"})
"""The same as functions."""


def take_configuration(model: keras.Model, config: Mapping[str, object], used: Collection[str] = ()) -> None:
    """Give the compiled optimizer what the configuration says of it; raises TrainableError where they contradict.

    An optimizer that was compiled by its name, as in `compile("adam")`, says nothing of a learning rate, so the
    configuration's is taken. Settings that `build` has `used` may be part of what it compiled: of a schedule, or a
    multiple.
    """
    if model.optimizer is None:
        return
    for name in ("learning_rate", "weight_decay"):
        if name not in used and config.get(name) is not None:
            _take(model, name, float(str(config[name])))
    named = None if "optimizer" in used else config.get("optimizer")
    compiled = type(_inner(model)).__name__
    lacks_momentum = named == "sgd_momentum" and not getattr(_inner(model), "momentum", 0.0)
    if named is not None and (str(named).replace("_momentum", "") != compiled.lower() or lacks_momentum):
        raise TrainableError(
            f"optimizer is {named!r} in the configuration, and the model that build gave is compiled with "
            f"{compiled}{' without momentum' if lacks_momentum else ''}; expected one. Compile it with "
            "config['optimizer'], or leave that out."
        )


def _inner(model: keras.Model) -> Any:
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def _take(model: keras.Model, name: str, asked: float) -> None:
    optimizer = _inner(model)
    is_schedule = isinstance(getattr(optimizer, f"_{name}", None), optimizers.schedules.LearningRateSchedule)
    compiled = getattr(optimizer, name)
    if getattr(optimizer, "made_from_name", False) and not is_schedule:
        setattr(optimizer, name, asked)
    elif is_schedule or compiled is None or not math.isclose(float(compiled), asked, rel_tol=1e-5, abs_tol=1e-12):
        value = "a schedule" if is_schedule else "none" if compiled is None else f"{float(compiled):g}"
        raise TrainableError(
            f"{name} is {asked:g} in the configuration, and the model that build gave is compiled with {value}; "
            f"expected one. Compile it with config[{name!r}], or leave {name} out of the configuration."
        )


@contextmanager
def named_optimizers_marked() -> Iterator[None]:
    """Mark, within the block, optimizers that Keras makes from a name alone, for `take_configuration` to recognize."""
    found: Any = keras.src.optimizers
    get = found.get

    def marking(identifier: Any) -> Any:
        optimizer = get(identifier)
        if isinstance(identifier, str):
            optimizer.made_from_name = True
        return optimizer

    found.get = marking
    try:
        yield
    finally:
        found.get = get


def compile_arguments(model: keras.Model) -> Mapping[str, Any]:
    """Return the arguments of `compile` as they were given."""
    config = getattr(model, "_compile_config", None)
    return {} if config is None else config.config


def reset_metrics(model: keras.Model) -> None:
    """Begin the compiled metrics anew: a metric that several trials share holds the last one's counts.

    Keras does so only from the second epoch on, when it has seen the metrics.
    """
    given = [compile_arguments(model).get(name) for name in ("metrics", "weighted_metrics")]
    for metric in keras.tree.flatten(given):
        if isinstance(metric, keras.metrics.Metric):
            metric.reset_state()


def labels_of(model: keras.Model, info: DatasetInfo, units: int | None) -> Labels:
    """Return the form of targets that a compiled model expects: the given one, unless its loss takes another.

    A loss of Keras says what it takes, one-hot where it compares unit by unit; a function of the user's own is tried,
    unless the classes were given one-hot. `units` is the number of units of the only output, or None where there are
    several outputs.
    """
    classes, given, loss = info.num_classes, info.label_form, _only_loss(model)
    is_one_hot = given == LabelForm.ONE_HOT
    otherwise = LabelForm.NUMBERS if is_one_hot else given
    if _module(loss).partition(".")[0] == "keras":
        by_unit = units == classes > 1 or (is_one_hot and units != 1)
        is_one_hot = by_unit and not _is_of_class_numbers(loss)
    elif not is_one_hot and units == classes > 1:
        is_one_hot = callable(loss) and not _takes_numbers(loss, classes, given)
    return Labels(classes, LabelForm.ONE_HOT if is_one_hot else otherwise)


def _is_of_class_numbers(loss: Any) -> bool:
    """Return whether a loss of Keras takes class numbers; objects may have names of the user's own."""
    return isinstance(loss, _OF_CLASS_NUMBERS) or getattr(loss, "__name__", "") in _NAMES_OF_CLASS_NUMBERS


def _only_loss(model: keras.Model) -> Any:
    """Return the loss of the only output, which may stand in a list or a dict, or be given by any of its names."""
    given = keras.tree.flatten(model.loss)
    with contextlib.suppress(ValueError):  # Keras itself tells what is wrong with a name.
        return losses.get(given[0]) if len(given) == 1 else None
    return None


def _takes_numbers(loss: Any, num_classes: int, given: LabelForm) -> bool:
    """Return whether a user's loss function takes class numbers: it gives a loss for them, or fails at one-hot too.

    It is tried on one image more than there are classes, so that it cannot take the images for the classes.
    """
    numbers = keras.ops.arange(num_classes + 1) % num_classes
    written = numbers[:, None] if given == LabelForm.COLUMN else numbers
    outputs = keras.ops.ones((num_classes + 1, num_classes)) / num_classes
    for targets, fits in ((written, True), (keras.ops.one_hot(numbers, num_classes), False)):
        with contextlib.suppress(Exception):  # A function that was written for the other kind may raise anything.
            loss(targets, outputs)
            return fits
    return True


def _module(thing: Any) -> str:
    return str(getattr(thing, "__module__", type(thing).__module__))


def reason_for_fit_of_compile(model: keras.Model, units: int) -> str | None:
    """Return why what was compiled needs `fit`, in words, or None where the compiled program does the same."""
    arguments = compile_arguments(model)
    if not _is_known_loss(model.loss, units):
        return "the compiled loss is another one than that of class numbers"
    if arguments.get("metrics") not in (["accuracy"], "accuracy"):
        return "the compiled metrics are others than accuracy"
    if any(arguments.get(name) for name in ("loss_weights", "weighted_metrics", "run_eagerly")):
        return "it is compiled with more than loss, optimizer and metrics"
    if arguments.get("steps_per_execution", 1) != 1 or arguments.get("jit_compile") is True:
        return "it is compiled with steps_per_execution or jit_compile"
    if {layer: layer.trainable for layer in model._flatten_layers()} != model._compiled_trainable_state:
        return "layers were frozen or unfrozen behind `compile`"
    return _reason_of_optimizer(model.optimizer)


def _is_known_loss(loss: Any, units: int) -> bool:
    if isinstance(loss, str):
        return loss == ("binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy")
    kind = losses.BinaryCrossentropy if units == 1 else losses.SparseCategoricalCrossentropy
    if type(loss) is not kind:
        return False
    # For one unit, Keras' `accuracy` counts outputs above a half, which is not the threshold of a logit.
    plain = kind(from_logits=loss.get_config()["from_logits"] and units > 1).get_config()
    return bool({**loss.get_config(), "name": plain["name"]} == plain) and loss.dtype == "float32"


def from_logits(model: keras.Model) -> bool | None:
    """Return whether the compiled loss takes the values in front of the softmax or sigmoid.

    Returns None where it does not say, as a function of the user's own, or where there are several.
    """
    loss = _only_loss(model)
    if hasattr(loss, "from_logits"):
        return bool(loss.from_logits)
    return bool(_config_of(loss).get("from_logits", False)) if _module(loss).partition(".")[0] == "keras" else None


def _config_of(loss: Any) -> Mapping[str, Any]:
    return loss.get_config() if isinstance(loss, losses.Loss) and _module(type(loss)).startswith("keras.") else {}


def _reason_of_optimizer(optimizer: Any) -> str | None:
    if type(optimizer) not in _BY_ELEMENT:
        return f"the compiled optimizer {type(optimizer).__name__} may not treat every weight by itself"
    config = optimizer.get_config()
    if any(config.get(name, value) != value for name, value in _OFF.items()):
        return "the compiled optimizer clips, averages, accumulates or scales"
    if not isinstance(config["learning_rate"], float):
        return "the compiled learning rate is a schedule"
    if any(name.startswith("_exclude_from_weight_decay") for name in vars(optimizer)):
        return "the compiled optimizer excludes weights from their decay"
    return "the compiled optimizer has been used before" if optimizer.built else None


def optimizer_like(optimizer: Any) -> Any:
    """Return a new optimizer with the same settings, for a compiled program."""
    copy = type(optimizer).from_config(optimizer.get_config())
    copy._all_reduce_sum_gradients = list  # The reason stands in `optimizers`.
    return copy
