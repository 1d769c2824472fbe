"""The compiled program and Keras' `fit` held against each other on generated models: alike, or `fit` is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.trial import Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers, optimizers  # noqa: E402

from tests.support.generated_models import SHAPE, generated  # noqa: E402
from trainables.engines.seeds import order_of_epoch  # noqa: E402
from trainables.own_models.choice import engine_for, own_engine  # noqa: E402
from trainables.settings.image import ImageSettings  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402


def trained(build: Callable[..., Any], engine: str) -> tuple[Any, Any]:
    config = {"epochs": 2, "batch_size": 48, "engine": engine, "class_weight": "balanced"}
    trial = Trial(seed=3)
    with own_engine(build, config, digits(), trial) as (used, own):
        assert used.name == engine
        reports = list(fit(used, digits(), config, trial, own))
        names = sorted({name for report in reports for name in report} - {"seconds"})
        return [[report.get(name, 0.0) for name in names] for report in reports], used.get_weights()


@pytest.mark.parametrize("seed", range(6))
def test_engines_give_the_same_metrics_and_weights(seed: int) -> None:
    ours, weights = trained(lambda *_: generated(seed), "compiled")
    theirs, keras_weights = trained(lambda *_: generated(seed), "fit")
    np.testing.assert_allclose(ours, theirs, rtol=5e-3, atol=5e-3)
    for mine, other in zip(weights, keras_weights, strict=True):
        np.testing.assert_allclose(np.asarray(mine, float), other, atol=2e-3)


def with_layer(layer: Any, **dense: Any) -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), layer, layers.Flatten(), layers.Dense(10, **dense)])


def with_compile(optimizer: Any, loss: Any, **more: Any) -> keras.Model:
    model = with_layer(layers.ReLU())
    model.compile(optimizer, loss, **{"metrics": ["accuracy"], **more})
    return model


class OwnDense(layers.Dense):
    pass


def own_activation(x: Any) -> Any:
    return x


def crossentropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


NOT_ALIKE: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "Normalization": (lambda: with_layer(layers.Normalization(mean=1.0, variance=2.0)), "state outside"),
    "Discretization": (lambda: with_layer(layers.Discretization([1.0, 9.0])), "state outside"),
    "Lambda": (lambda: with_layer(layers.Lambda(own_activation)), "Lambda"),
    "SpectralNormalization": (lambda: with_layer(layers.SpectralNormalization(layers.Conv2D(2, 3))), "state outside"),
    "layer of one's own": (lambda: with_layer(OwnDense(3)), "OwnDense"),
    "activation of one's own": (lambda: with_layer(layers.ReLU(), activation=own_activation), "own_activation"),
    "mixed precision": (lambda: with_layer(layers.Dense(3, dtype="mixed_bfloat16")), "computes in mixed_bfloat16"),
    "fixed batch size": (
        lambda: keras.Sequential([keras.Input(batch_shape=(4, *SHAPE)), layers.Flatten(), layers.Dense(10)]),
        "its input is",
    ),
    "several outputs": (
        lambda: keras.Model(x := keras.Input(SHAPE), [layers.Flatten()(x), layers.Flatten()(x)]),
        "several inputs or outputs",
    ),
    "class of one's own": (lambda: type("Own", (keras.Sequential,), {})([keras.Input(SHAPE)]), "may compute anything"),
    "schedule": (
        lambda: with_compile(optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 5)), crossentropy()),
        "schedule",
    ),
    "clipped": (lambda: with_compile(optimizers.Adam(clipnorm=1.0), crossentropy()), "clips"),
    "averaged": (lambda: with_compile(optimizers.SGD(use_ema=True), crossentropy()), "averages"),
    "by layer": (lambda: with_compile(optimizers.Lamb(), crossentropy()), "Lamb"),
    "other loss": (lambda: with_compile("adam", "categorical_crossentropy"), "loss"),
    "loss in another precision": (
        lambda: with_compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16")),
        "loss",
    ),
    "other metrics": (lambda: with_compile("adam", crossentropy(), metrics=["mse"]), "metrics"),
    "weights": (lambda: with_compile("adam", crossentropy(), loss_weights=2.0), "more than"),
    "eager": (lambda: with_compile("adam", crossentropy(), run_eagerly=True), "more than"),
    "jit": (lambda: with_compile("adam", crossentropy(), jit_compile=True), "jit_compile"),
}


@pytest.mark.parametrize("name", NOT_ALIKE)
def test_what_is_not_known_to_be_alike_is_trained_by_fit(name: str) -> None:
    build, words = NOT_ALIKE[name]
    choice = engine_for(build(), SHAPE)
    assert choice.engine == "fit"
    assert words in choice.reason


def test_weights_that_decay_by_themselves_or_layers_frozen_late_need_fit() -> None:
    excluding = with_compile(optimizers.AdamW(), crossentropy())
    excluding.optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert "excludes" in engine_for(excluding, SHAPE).reason
    late = with_layer(layers.Conv2D(1, 3))
    late.compile("adam", crossentropy(), metrics=["accuracy"])
    late.layers[-1].trainable = False
    assert "frozen" in engine_for(late, SHAPE).reason


def test_a_method_replaced_on_one_object_needs_fit() -> None:
    model = with_layer(layers.ReLU())
    model.train_step = lambda data: {"loss": 0.0}
    assert "train_step" in engine_for(model, SHAPE).reason
    layer = layers.ReLU()
    layer.compute_mask = lambda *_: None
    assert "compute_mask" in engine_for(with_layer(layer), SHAPE).reason


LATE: dict[str, Callable[[Any], object]] = {
    "kernel frozen": lambda layer: setattr(layer.kernel, "trainable", False),
    "kernel regularized": lambda layer: setattr(layer.kernel, "regularizer", keras.regularizers.L2(1.0)),
    "regularizer without effect": lambda layer: setattr(layer, "kernel_regularizer", keras.regularizers.L2(1.0)),
    "kernel bound": lambda layer: setattr(layer.kernel, "constraint", keras.constraints.MaxNorm(0.1)),
    "constraint without effect": lambda layer: setattr(layer, "kernel_constraint", keras.constraints.MaxNorm(0.1)),
    "bias without effect": lambda layer: setattr(layer, "use_bias", False),
}


@pytest.mark.parametrize("change", LATE)
def test_a_weight_that_differs_from_what_its_layer_would_make_is_trained_as_it_is(change: str) -> None:
    def build(*_: Any) -> keras.Model:
        model = with_compile(optimizers.SGD(0.01), crossentropy())
        LATE[change](model.layers[-1])
        return model

    def plain() -> keras.Model:
        keras.utils.set_random_seed(3)
        return build()

    config = {"epochs": 1, "batch_size": 48}
    trial, model, train = Trial(seed=3), plain(), digits().train
    with own_engine(lambda *_: with_compile(optimizers.SGD(0.01), crossentropy()), config, digits(), trial):
        pass  # A program of the same layers is kept by now, and would train them otherwise.
    with own_engine(build, config, digits(), trial) as (engine, _):
        assert "settings of its layer" in trial.facts["engine_reason"]
        order = order_of_epoch(trial.seed, 1, len(train))
        engine.train_epoch(digits(), order, ImageSettings.of(config))
        rows = train.index[order]
        model.fit(train.images[rows].astype(np.float32), train.labels[rows], batch_size=48, shuffle=False, verbose=0)
        for mine, theirs in zip(engine.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(np.asarray(mine, float), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_model_without_a_weight_to_train_is_measured_as_by_fit() -> None:
    def build(*_: Any) -> keras.Model:
        model = with_layer(layers.ReLU())
        model.trainable = False
        return model

    config, trial = {"epochs": 1, "batch_size": 48}, Trial(seed=3)
    with own_engine(build, config, digits(), trial) as (engine, own):
        before = own.model.get_weights()
        (epoch, test) = fit(engine, digits(), config, trial, own)
        assert np.isfinite([epoch["loss"], test["test_loss"]]).all()
        assert all(np.array_equal(*pair) for pair in zip(before, engine.get_weights(), strict=True))


def test_compiled_where_it_is_not_alike_is_refused() -> None:
    with pytest.raises(TrainableError, match="clips"):
        engine_for(with_compile(optimizers.Adam(clipvalue=1.0), crossentropy()), SHAPE, "compiled")
