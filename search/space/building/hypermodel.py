"""KerasTuner's hyperparameters in our terms, and builds of a HyperModel that show which it asks for.

All that builds a model is called in a process apart, which imports TensorFlow; no driver does.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from search.errors import SearchError
from search.space.building.exploration import Build, Constant, Values
from search.space.parameters import Choice, Float, Int, Parameter
from search.wording import one_line, without_colours

FIT_S = 20
"""How long `fit` of a HyperModel may go on, when it is called to see which hyperparameters it asks for."""
_PRETRAINED = "search_leaves_weights_out"
"""Attribute of layers whose pretrained weights were not read."""
_BLANK = 2
"""Blank samples that it is given for this."""


_USES = ("fit", "train_on_batch", "test_on_batch", "evaluate", "predict", "predict_on_batch", "call")
"""The first of these begins the training."""


class _Touched(BaseException):
    """What a function asked its argument for, first of all."""


class _Argument:
    """Stands in for an Optuna trial or for KerasTuner's hyperparameters, until it is asked for something."""

    def __getattr__(self, name: str) -> Any:
        raise _Touched(name)


class _Reached(BaseException):
    """The training began: all that `fit` asks for before is known."""


def is_build(parameters: Any) -> bool:
    """Whether this is a HyperModel or a function like `build(hp)`, and not one of an Optuna trial.

    A function is called with something that answers nothing: what it asks for first tells. One that fails before is
    taken for a function of an Optuna trial, which says by itself what is wrong with it.
    """
    if hasattr(parameters, "build"):
        return True
    try:
        returned = parameters(_Argument())
    except _Touched as touched:
        name = str(touched)
        return not name.startswith(("suggest", "_")) and (name[:1].isupper() or name in _OF_HYPERPARAMETERS)
    except (Exception, SystemExit):
        return False
    return returned is not None and not isinstance(returned, Mapping)


_OF_HYPERPARAMETERS = ("conditional_scope", "name_scope", "get", "values", "space", "merge", "copy", "is_active")


def build_once(hypermodel: Any, values: Values, hp: Any = None) -> Build:
    """Build the model with values for some of its hyperparameters and the defaults of the others.

    `hp`: KerasTuner's HyperParameters to be asked; None: new ones with the values.
    """
    import keras_tuner  # noqa: PLC0415  # see the top: only a process apart comes here

    sys.modules["keras"].backend.clear_session(free_memory=False)  # KerasTuner has imported it.
    if hp is None:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
    error, layers, momentum = None, 1, None
    try:
        if hasattr(hypermodel, "declare_hyperparameters"):
            hypermodel.declare_hyperparameters(hp)
        model = hypermodel.build(hp) if hasattr(hypermodel, "build") else hypermodel(hp)
        layers = len(getattr(model, "layers", ()))
        if hasattr(model, "fit") and _has_own_fit(hypermodel):
            _begin_fit(hypermodel, hp, model)
        else:
            momentum = _slowest_normalization(model)
    except Exception as failure:
        error = f"{type(failure).__name__}: {_plain_words(failure)}"
    active = {one.name: one for one in reversed(hp.space) if hp.is_active(one)}  # The first of a name counts.
    asked = {one.name: hp.values[one.name] for one in hp.space if one.name in active}
    ranges = {name: as_parameter(active[name]) for name in asked}
    named: dict[str, list[object]] = {}
    for condition in (condition for one in hp.space for condition in one.conditions):
        named.setdefault(condition.name, []).extend(condition.values)
    return Build(asked, ranges, named, layers, error, momentum)


def _slowest_normalization(model: Any) -> float | None:
    """The largest momentum of its layers that normalize and whose statistics begin at their initial values."""
    kind = sys.modules["keras"].layers.BatchNormalization
    found = [layer for layer in _layers(model) if isinstance(layer, kind) and layer.trainable]
    return max((float(layer.momentum) for layer in found if not hasattr(layer, _PRETRAINED)), default=None)


def _layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)


def _plain_words(failure: Exception) -> str:
    """What it says, on one line, without Keras' colours and its list of arguments."""
    return one_line(without_colours(str(failure)).partition("\n\nArguments received by ")[0])


def leave_weights_out() -> None:
    """Let no build in this process fetch or read pretrained weights, which say nothing of hyperparameters."""
    import keras_tuner  # noqa: F401, PLC0415  # as in `build_once`

    keras = sys.modules["keras"]
    sys.modules[keras.utils.get_file.__module__].get_file = lambda *words, **options: ""  # type: ignore[attr-defined]
    keras.Model.load_weights = _mark_layers


def _mark_layers(model: Any, *_: object, **__: object) -> None:
    """Mark the layers that would have pretrained weights now."""
    for layer in _layers(model):
        setattr(layer, _PRETRAINED, True)


def _has_own_fit(hypermodel: Any) -> bool:
    import keras_tuner  # noqa: PLC0415  # as in `build_once`

    own = getattr(hypermodel, "fit", None)
    return own is not None and getattr(own, "__func__", own) is not keras_tuner.HyperModel.fit


def _begin_fit(hypermodel: Any, hp: Any, model: Any) -> None:
    """Call `fit` with blank samples until it trains, so that what it asks for shows; its outcome is of no interest."""
    import numpy as np  # noqa: PLC0415  # only where there is a model

    def reached(*_: Any, **__: Any) -> None:
        raise _Reached

    def blank(shape: Any) -> Any:
        return np.zeros((_BLANK, *(side or 1 for side in shape[1:])), "float32")

    with contextlib.suppress(Exception, _Reached), _time_limit(FIT_S):
        inputs = getattr(model, "input_shape", None)
        x = [blank(shape) for shape in inputs] if isinstance(inputs, list) else blank(inputs or (None, 1))
        y = np.zeros((_BLANK,), "int64")
        for use in _USES:
            setattr(model, use, reached)
        hypermodel.fit(hp, model, x, y, validation_data=(x, y), epochs=1, callbacks=[], verbose=0)


@contextlib.contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def over(_: int, __: FrameType | None) -> None:
        raise _Reached

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def as_parameter(hp: Any) -> Parameter | Constant:
    """A hyperparameter of KerasTuner as one of ours, without its conditions; a single value is a constant."""
    kind = type(hp).__name__
    if kind == "Fixed":
        return Constant(hp.value)
    if kind == "Boolean":
        return Choice(False, True)
    if kind == "Choice":
        return _one_of(hp.values)
    return _range(hp, Int if kind == "Int" else Float)


def _range(hp: Any, make: type[Int | Float]) -> Parameter | Constant:
    if hp.step is not None and hp.sampling != "linear":  # The step multiplies.
        return _one_of([int(value) for value in hp.values] if make is Int else list(hp.values))
    if hp.min_value == hp.max_value or (hp.step is not None and hp.min_value + hp.step > hp.max_value):
        return Constant(hp.min_value)
    if hp.step is not None:
        return make(hp.min_value, hp.max_value, step=hp.step)
    log: Any = {"log": True, "reverse_log": "reverse"}.get(hp.sampling, False)
    return make(hp.min_value, hp.max_value, log=log)


def _one_of(values: Any) -> Choice | Constant:
    distinct = list(dict.fromkeys(values))
    return Choice(*distinct) if len(distinct) > 1 else Constant(distinct[0])


def propose(hypermodel: Any, suggest: Callable[[str, Parameter], object]) -> dict[str, object]:
    """The configuration that a build asks for when each hyperparameter, as it shows, gets the value suggested for it.

    Raises SearchError where the build fails.
    """
    hp = _asking(suggest)
    built = build_once(hypermodel, {}, hp)
    if built.error is not None and not built.values:
        raise SearchError(f"the HyperModel's `build` fails: {built.error}")
    return {name: value for name, value in built.values.items() if not isinstance(built.ranges[name], Constant)}


def _asking(suggest: Callable[[str, Parameter], object]) -> Any:
    """KerasTuner's HyperParameters that ask for a value wherever they would take a default."""
    import keras_tuner  # noqa: PLC0415  # as in `build_once`

    class Asking(keras_tuner.HyperParameters):
        def _ask(self, known: int) -> None:
            for one in self.space[known:]:
                parameter = as_parameter(one)
                if self.is_active(one) and not isinstance(parameter, Constant) and one.name not in answered:
                    self.values[one.name] = suggest(one.name, parameter)
                    answered.add(one.name)

        def merge(self, *words: Any, **options: Any) -> None:
            known = len(self.space)
            super().merge(*words, **options)
            self._ask(known)

    answered: set[str] = set()

    def asks(kind: str) -> Callable[..., Any]:
        plain = getattr(keras_tuner.HyperParameters, kind)

        def asked(self: Any, *words: Any, **options: Any) -> Any:
            known = len(self.space)
            plain(self, *words, **options)
            self._ask(known)
            return plain(self, *words, **options)

        return asked

    for kind in ("Boolean", "Choice", "Float", "Int"):
        setattr(Asking, kind, asks(kind))
    return Asking()
