"""Training by the user's own `fit`, which is called as KerasTuner calls the `fit` of a HyperModel.

Such a function calls `model.fit` once for all epochs, or has a loop of its own, so it cannot be asked for one epoch at
a time, and runs stepwise.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.engines.batches import Labels, as_given
from trainables.engines.contract import BEGINS_ANEW, COMPILED, EVALUATED_AT_ONCE, FIT
from trainables.engines.keras_fit import KerasFit
from trainables.errors import TrainableError
from trainables.own_models.choice import Build, OwnModel, built_model, fit_engine
from trainables.own_models.keras_state import keras_settings_restored
from trainables.own_models.reuse import check_is_new
from trainables.settings.image import ImageSettings, of_training
from trainables.training.early_stopping import followed_metric
from trainables.training.outcome import finish, known_sizes
from trainables.training.stepwise import stepwise
from trainables.trial import Config, DatasetInfo, Metrics, Origin, Trial, check_loss

Fit = Callable[..., Any]
"""Takes (config, model, x, y, validation_data=, epochs=, callbacks=); gives a History, metrics, or the metric's
value."""


def train_by_users_fit(
    build: Build, fit: Fit, data: Data, config: Config, trial: Trial
) -> Generator[Metrics, None, None]:
    """Yield what `fit` reports to its callbacks after every epoch, and at the end the test of the best epoch's weights.

    A trial that was cut off begins anew, because nothing is known of what `fit` had done. Raises what `fit` raises.
    """
    if config.get("engine") == COMPILED:
        raise TrainableError("engine is 'compiled', and the model is trained by a `fit` of its own. Expected 'auto'.")
    trial.facts |= {"engine": FIT, "engine_reason": f"it is trained by a `fit` of its own; {BEGINS_ANEW}"}
    with keras_settings_restored():
        engine, own, seen, returned = yield from stepwise(
            lambda report: _train(build, fit, data, config, trial=trial, report=report)
        )
        if seen is None:
            print(f"{_UNTRAINED}: there is no test, and no model is kept. Train the model that fit is given.")
            trial.facts["engine_reason"] += f"; {_UNTRAINED}, so that it is not tested"
            yield {**returned, **known_sizes(engine.model)}
            return
        if other := _measured_otherwise(engine, data, seen):
            print(f"{other}. The test is on unchanged data: let the model itself change them, in a layer.")
            trial.facts["engine_reason"] += f"; {other}"
        yield {**returned, **finish(engine, data, ImageSettings.of(of_training(config)), trial, own=own)}


def _train(
    build: Build, fit: Fit, data: Data, config: Config, *, trial: Trial, report: Callable[[Metrics], None]
) -> tuple[KerasFit, OwnModel, Metrics | None, Metrics]:
    """Return the engine with the best epoch's weights, the model, what `fit` reported of that epoch, and what else it
    returned.

    What it reported is empty where that was of a model around this one, and None where this one was not trained.
    """
    own = built_model(build, config, data, trial)
    check_is_new(own.model)
    # Read as from a plain dict: what a search then notes as read, their `build` or `fit` has asked for.
    ours = of_training(dict(dict.items(config)) if isinstance(config, dict) else config)
    settings = ImageSettings.of(ours)
    model = own.model
    is_theirs = model.compiled
    trial.announce(known_sizes(model))
    engine = fit_engine(model, data, settings, trial.cpus)
    if not is_theirs:
        # Keras would keep our metric where the user's own loop calls `compile` without naming one.
        model.compile = functools.partial(model.compile, metrics=[])
    told = {**ours, **trial.asked}
    initial = model.get_weights()
    reporter = _Reporter(report, told, model)
    if "batch_size" in told:
        # The batch size is a default of this model's `fit`, because a HyperModel may pass one itself, and then it would
        # be passed twice.
        model.fit = functools.partial(model.fit, batch_size=settings.batch_size)
    result = fit(
        config,
        model,
        *_arrays(data.train, engine.labels, data.info),
        validation_data=_arrays(data.validation, engine.labels, data.info),
        epochs=settings.epochs,
        callbacks=[*_callbacks(settings, told, lambda name: _has_asked(config, name)), reporter],
    )
    for own_default in ("fit", "compile"):
        vars(model).pop(own_default, None)
    (metric, _), returned = followed_metric(told), Metrics()
    if reporter.epochs:
        returned = _besides(result, metric, reporter.epochs)
    else:
        for metrics in _of_result(result, metric):
            report(metrics)
    is_trained = reporter.has_seen_it or not model.trainable_variables or _differ(initial, model.get_weights())
    return engine, own, reporter.restore_best() if is_trained else None, returned


_UNTRAINED = "its `fit` has not trained the model that build gave, but another one"


def _differ(before: Sequence[NDArray[Any]], now: Sequence[NDArray[Any]]) -> bool:
    return not all(np.array_equal(*pair) for pair in zip(before, now, strict=True))


def _besides(result: Any, metric: str, epochs: Sequence[Metrics]) -> Metrics:
    """Return the metrics that `fit` returns and no epoch has.

    Raises TrainableError where it returns a value of the search's metric that no epoch had: KerasTuner goes by what is
    returned, and a search by what is reported.
    """
    found = result if isinstance(result, Mapping) else {metric: result}
    numbers = {name: value for name, value in found.items() if isinstance(value, int | float | np.number)}
    returned = {name: float(value) for name, value in numbers.items() if not isinstance(value, bool)}
    value, reported = returned.get(metric), [epoch[metric] for epoch in epochs if metric in epoch]
    if value is not None and reported and not any(math.isclose(value, one, rel_tol=1e-4) for one in reported):
        raise TrainableError(
            f"fit returned {value:g} for {metric}, which none of its epochs reported ({min(reported):g} to "
            f"{max(reported):g}); expected the value of one of them. To have what it returns counted, give model.fit "
            "no callbacks."
        )
    return {name: value for name, value in returned.items() if not any(name in epoch for epoch in epochs)}


_MUCH = 0.05
"""Share of a validation loss by which it differs where data were changed, and not only averaged in another way."""


def _measured_otherwise(engine: KerasFit, data: Data, seen: Metrics) -> str:
    """Return in words that `fit` validated on other data than it was given, as where it scales them; else nothing."""
    if "val_loss" not in seen:
        return ""
    x, y = _arrays(data.validation, engine.labels, data.info)
    found = engine.model.evaluate(x, y, batch_size=EVALUATED_AT_ONCE, verbose=0, return_dict=True)["loss"]
    if abs(found - seen["val_loss"]) <= _MUCH * max(abs(found), 0.01):
        return ""
    return f"its `fit` measured a val_loss of {seen['val_loss']:.4g} where the data as they were given have {found:.4g}"


def _arrays(split: Split, labels: Labels, info: DatasetInfo) -> tuple[Any, Any]:
    """Return inputs and targets, in the order of the seed.

    Arrays that came divided into training, validation and test stay in the order in which they were given: what a `fit`
    has beside them, such as weights of the examples, goes by it, and so does a series.
    """
    if not isinstance(split, Split):
        raise TrainableError("the data come in their own batches, and a `fit` of its own takes x and y. Give arrays.")
    as_they_came = info.published_validation and info.published_test and info.origin is not Origin.PICTURES
    inputs, targets = split.rows(np.sort(split.index) if as_they_came else split.index)
    return as_given(inputs), labels.shaped(targets)


def _has_asked(config: Config, name: str) -> bool:
    """Return whether code of the user's own has read this setting, and not all of them at once, as a copy does."""
    read = set(getattr(config, "read", ()))
    return name in read and not read.issuperset(dict.keys(config) if isinstance(config, dict) else ())


class _UnlessTheirs(keras.callbacks.Callback):
    """In front of a callback of ours for a setting: it does nothing once that is a setting of the user's own."""

    setting: str
    is_theirs: Callable[[str], bool]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the epoch, unless their `fit` has asked for the setting, and does with it what it wants."""
        if not self.is_theirs(self.setting):
            super().on_epoch_end(epoch, logs)


class _Stopping(_UnlessTheirs, keras.callbacks.EarlyStopping):
    setting = "patience"


class _Plateau(_UnlessTheirs, keras.callbacks.ReduceLROnPlateau):
    setting = "reduce_on_plateau"


def _callbacks(settings: ImageSettings, config: Config, is_theirs: Callable[[str], bool]) -> list[Any]:
    """Return early stopping and the plateau rule, where the configuration asks for them.

    They do nothing where `is_theirs` says by then that the user's own code has asked for their setting.
    """
    monitor, mode = followed_metric(config)
    callbacks: list[Any] = []
    if settings.patience is not None:
        callbacks.append(_Stopping(monitor, mode=mode, patience=settings.patience))
    if settings.reduce_on_plateau is not None:
        patience, factor = settings.reduce_on_plateau, settings.reduce_factor
        callbacks.append(_Plateau(monitor, mode=mode, patience=patience, factor=factor))
    for callback in callbacks:
        callback.is_theirs = is_theirs
    return callbacks


class _Reporter(keras.callbacks.Callback):
    """Reports every epoch, and remembers the weights that the model had after the best one.

    That model may be trained as a part of another one, whose epochs these are.
    """

    def __init__(self, report: Callable[[Metrics], None], config: Config, model: keras.Model) -> None:
        super().__init__()
        self.epochs: list[Metrics] = []
        self.has_seen_it = False
        """Whether an epoch was that of the model itself."""
        self._report = report
        self._metric, mode = followed_metric(config)
        self._sign = 1 if mode == "max" else -1
        self._measured = model
        self._best: tuple[float, list[Any], Metrics] | None = None
        self._first_loss: float | None = None
        self._began = time.perf_counter()

    def __deepcopy__(self, _memo: object) -> _Reporter:
        return self  # A user's `fit` may copy its callbacks, as KerasTuner does, and the copy must still report here.

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the epoch, which Keras counts from 0 and the trial from 1."""
        now = time.perf_counter()
        metrics = {**_plain(logs or {}), "epoch": epoch + 1, "seconds": now - self._began}
        self._first_loss = metrics.get("loss") if self._first_loss is None else self._first_loss
        check_loss(metrics, int(metrics["epoch"]), self._first_loss)
        self.epochs.append(metrics)
        self.has_seen_it = self.has_seen_it or self.model is self._measured
        value = self._sign * metrics.get(self._metric, float("nan"))
        if self._best is None or math.isnan(self._best[0]) or value > self._best[0]:
            self._best = value, self._measured.get_weights(), metrics
        self._report(metrics)
        self._began = time.perf_counter()

    def restore_best(self) -> Metrics:
        """Set the weights of the best epoch; returns its report where that was of this model itself, else nothing."""
        if self._best is None:
            return {}
        self._measured.set_weights(self._best[1])
        return self._best[2] if self.has_seen_it else {}


def _plain(logs: Mapping[str, Any]) -> Metrics:
    return {name: float(keras.ops.convert_to_numpy(value)) for name, value in logs.items()}


def _of_result(result: Any, metric: str) -> list[Metrics]:
    """Return the epochs of a `fit` that told no callback of any, from its result, which is read as KerasTuner does."""
    if isinstance(result, keras.callbacks.History):
        lines = zip(*result.history.values(), strict=False)
        return [_plain(dict(zip(result.history, line, strict=True))) for line in lines]
    if isinstance(result, Mapping):
        return [_plain(result)]
    if isinstance(result, int | float | np.number):
        return [{metric: float(result)}]
    raise TrainableError(
        f"fit gave a {type(result).__name__} and reported no epoch; expected the History of `model.fit`, a dict of "
        f"metrics, or the value of {metric}, or callbacks that are told of each epoch."
    )
