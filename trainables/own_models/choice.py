"""Chooses the engine of a user's model: the compiled program where it does what `fit` does, else Keras' `fit`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from trainables.compiled.eligible import reason_for_fit
from trainables.compiled.kept_programs import program_for
from trainables.compiled.optimizers import make_optimizer, set_weight_decay
from trainables.compiled.program import Program
from trainables.compiled.schedules import schedule_of, start_rate
from trainables.data import Data, Split
from trainables.engines.batches import Labels
from trainables.engines.contract import BEGINS_ANEW, COMPILED, FIT, Engine
from trainables.engines.keras_fit import KerasFit
from trainables.engines.mixing import mixing_of
from trainables.errors import TrainableError
from trainables.own_models.compile_settings import (
    from_logits,
    labels_of,
    named_optimizers_marked,
    optimizer_like,
    reason_for_fit_of_compile,
    reset_metrics,
    take_configuration,
)
from trainables.own_models.endings import ends_in_logits
from trainables.own_models.exchange import (
    OtherWeights,
    adapted,
    checked,
    kinds_of,
    rates_of,
    structure_of,
    units_of,
)
from trainables.own_models.followed import check_followed
from trainables.own_models.keras_state import keras_names_restarted, keras_settings_restored
from trainables.own_models.reuse import check_is_new
from trainables.settings.image import OPTIMIZERS, ImageSettings, of_training
from trainables.trial import Config, LabelForm, Trial

Build = Callable[[Config, Data], keras.Model]
Callbacks = Callable[[Config], Any]
"""Function of the configuration that gives Keras' callbacks for one trial: one, several, or None."""
HAS_CALLBACKS = "it has callbacks of its own"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which engine trains a model, and why."""

    engine: str
    reason: str
    """Why the model needs `fit`, in words; empty where it does not."""


def engine_for(
    model: keras.Model, image_shape: tuple[int, ...], asked: str = "auto", of_the_data: str | None = None
) -> Choice:
    """Return the engine of a model that is built: `compiled` only where it does what `fit` does.

    `of_the_data` says why the data need `fit`. Raises TrainableError where `compiled` was asked for and would train
    something else.
    """
    reason = of_the_data or reason_for_fit(model, image_shape)
    if reason is None and model.compiled:
        reason = reason_for_fit_of_compile(model, model.output_shape[-1])
    if asked == COMPILED and reason is not None:
        raise TrainableError(f"engine is 'compiled', and this model needs 'fit': {reason}. Expected engine='auto'.")
    return Choice(FIT, reason or "") if reason is not None or asked == FIT else Choice(COMPILED, "")


def _reason_of(data: Data) -> str | None:
    """Return why the data need `fit`, in words, or None for one array of numbers with its classes."""
    if not isinstance(data.train, Split):
        return f"{data.info.name} gives its own batches"
    if isinstance(data.train.inputs, Mapping):
        return "the data have several inputs"
    if not data.info.num_classes:
        return "the targets are no classes"
    return "the inputs are text" if data.train.inputs.dtype.kind in "SU" else None


@dataclasses.dataclass(frozen=True)
class OwnModel:
    """A user's model, and how to build another one like it."""

    model: keras.Model
    rebuild: Callable[[], keras.Model]
    about: Mapping[str, object]
    """What `build` was given: `config`, and `asked`, `split_seed` and `origin`, from which the data follow."""


def built_model(build: Build, config: Config, data: Data, trial: Trial) -> OwnModel:
    """Return what `build` gives with every random generator at the seed, its optimizer as the configuration says.

    Raises TrainableError for what cannot be trained.
    """

    def new_model() -> keras.Model:
        keras.utils.set_random_seed(trial.seed)
        with named_optimizers_marked(), keras_names_restarted():
            built = _built(build, config, data)
        return checked(built, data)

    def rebuild() -> keras.Model:
        with keras_settings_restored():
            return new_model()

    before = set(_noted(config))
    model = new_model()
    used = set(_noted(config)) - before
    named = config.get("optimizer", "adam")
    if model.compiled:
        take_configuration(model, config, used)
    elif named not in OPTIMIZERS:
        raise TrainableError(
            f"optimizer is {named!r}, and the model that build gave is not compiled; expected one of "
            f"{', '.join(OPTIMIZERS)}, or a model that is compiled with its own."
        )
    # The values are read as from a plain dict: a search notes what is read, and keeping settings does not use them.
    values = dict(dict.items(config)) if isinstance(config, dict) else dict(config)
    origin = {"asked": dict(trial.asked), "split_seed": trial.split_seed, "origin": data.info.origin}
    return OwnModel(model, rebuild, {"config": values, **origin})


def _built(build: Build, config: Config, data: Data) -> Any:
    """Return what `build` gives; raises TrainableError where it asks for a layer of as many units as there are classes,
    and there are none."""
    try:
        return build(config, data)
    except ValueError as error:
        if data.info.num_classes or not re.search(r"\b(units|filters)=0\b", str(error)):
            raise
        why = "whose targets are numbers; classes are whole numbers, text or one-hot rows. Give classes as one of these"
        batches = "which gives its own batches. Write the number into build"
        raise TrainableError(
            f"data.info.num_classes is 0, and build makes a layer of 0 units, for '{data.info.name}', "
            f"{why if isinstance(data.train, Split) else batches}."
        ) from error


def _noted(config: Config) -> Collection[str]:
    """Return the settings that have been read so far, where a search notes them."""
    return getattr(config, "read", ())


@contextmanager
def own_engine(
    build: Build, config: Config, data: Data, trial: Trial, callbacks: Callbacks | None = None
) -> Iterator[tuple[Engine, OwnModel]]:
    """Yield a user's network and its engine, with the weights that the network brings.

    What the user sets for all of Keras (a policy of mixed precision, say) holds for this trial only.
    """
    with keras_settings_restored():
        own = built_model(build, config, data, trial)
        check_is_new(own.model)
        settings = ImageSettings.of(of_training(config))
        model, reason = own.model, _reason_of(data) or (HAS_CALLBACKS if callbacks else None)
        image_shape = () if reason else tuple(data.train.images.shape[1:])
        choice = engine_for(model, image_shape, settings.engine, reason)
        called = callbacks(config) if callbacks else ()  # With callbacks the engine is always `fit`.
        check_followed(model, config)
        with ExitStack() as held:
            engine: Engine | None = None
            if choice.engine == COMPILED:
                try:
                    engine = held.enter_context(_program_for(model, settings, data))
                except OtherWeights as found:
                    choice = engine_for(model, image_shape, settings.engine, str(found))
            if engine is None:
                engine = fit_engine(model, data, settings, trial.cpus, callbacks=called)
            if choice.reason:
                anew = "" if engine.can_be_saved else f"; {BEGINS_ANEW}"
                trial.facts["engine_reason"] = f"{choice.reason}{anew}"
            yield engine, own


def fit_engine(
    model: keras.Model,
    data: Data,
    settings: ImageSettings,
    cpus: int,
    *,
    first_place: int = 0,
    callbacks: Any = (),
) -> KerasFit:
    """Return the engine that trains a model by Keras' `fit`.

    A model that is not compiled gets the same loss and optimizer as from the compiled program.
    """
    classes, units = data.info.num_classes, units_of(model, data)
    if model.compiled:
        reset_metrics(model)
        labels, said = labels_of(model, data.info, units), from_logits(model)
        says_classes = units is not None and labels.fits(units)
        logits = (says_classes and ends_in_logits(model, data)) if said is None else said
        return KerasFit(model, labels, cpus, logits=logits, first_place=first_place, callbacks=callbacks)
    logits = ends_in_logits(model, data)
    decays = settings.weight_decay is not None
    optimizer = make_optimizer(settings.optimizer, decays=decays, schedule=schedule_of(settings))
    start_rate(optimizer, settings)
    set_weight_decay(optimizer, settings.weight_decay)
    mixing = mixing_of(settings)
    if mixing is not None:
        mixing.start(settings)
    loss: Any
    if settings.has_shares:
        loss = keras.losses.CategoricalCrossentropy(from_logits=logits, label_smoothing=settings.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy("accuracy")
    elif units == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=logits)
        accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0 if logits else 0.5)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
        accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
    model.compile(optimizer, loss, metrics=[accuracy])
    labels = Labels(classes, LabelForm.ONE_HOT if settings.has_shares else LabelForm.NUMBERS)
    return KerasFit(model, labels, cpus, logits=logits, first_place=first_place, mixing=mixing, callbacks=callbacks)


@contextmanager
def _program_for(model: keras.Model, settings: ImageSettings, data: Data) -> Iterator[Program]:
    """Yield a program for the model's structure and optimizer, with the model's weights.

    Raises OtherWeights where the settings of the layers do not make weights like the model's.
    """
    logits = bool(from_logits(model)) if model.compiled else ends_in_logits(model, data)
    shape, kind = tuple(data.train.images.shape[1:]), str(data.train.images.dtype)
    if model.compiled:
        compiled = model.optimizer.get_config()
        settings = dataclasses.replace(settings, learning_rate=compiled.pop("learning_rate"))
        optimizer_key: object = (type(model.optimizer).__name__, repr(sorted(compiled.items())))
    else:
        optimizer_key = (settings.optimizer, settings.weight_decay is not None)

    def build() -> Program:
        decays = settings.weight_decay is not None
        own = optimizer_like(model.optimizer) if model.compiled else make_optimizer(settings.optimizer, decays=decays)
        return Program(adapted(model), own, shape, image_dtype=kind, logits=logits)

    key = (structure_of(model), kinds_of(model), optimizer_key, kind, logits, keras.config.epsilon())
    with program_for(key, build) as program:
        program.start(model.get_weights(), settings, rates_of(model))
        yield program
