"""Frozen, unfrozen and two-stage training: what trains, and that caching changes the time and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.saved_models import evaluated
from tests.support.small_backbones import CATS, PRETRAINED, data_dir, random_images, without_seconds
from trainables.engines.runtime import configure
from trainables.errors import ConstraintViolated, ContentDiffers
from trainables.image_classifier import train, train_on
from trainables.settings.backbones import BACKBONES
from trainables.settings.regimes import check_weights_files
from trainables.trial import Metrics, Trial

SMALL: dict[str, object] = {"network": "mobilenet_v2", "alpha": 0.35, "batch_size": 8, "epochs": 2}
HEAD = {"head_units": 4, "dropout": 0.2, "head_dropout": 0.3, "batch_norm": "after_relu"}
TWO_STAGE = {"unfreeze_depth": "block_16", "second_epochs": 2, "second_learning_rate": 1e-3}


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Random weights whose statistics are those of the images, so that the features differ from image to image."""
    configure(1)
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in model.layers:
        layer.momentum = 0.0
    model(random_images(32).train.images / 127.5 - 1, training=True)
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    model.save_weights(path)
    SMALL["weights"] = str(path)


def run(tmp_path: Path, settings: dict[str, Any], **circumstances: Any) -> list[Metrics]:
    trial = Trial(cache_dir=tmp_path / "cache", **circumstances)
    return without_seconds(list(train_on(random_images(32), SMALL | settings, trial)))


def same(one: list[Metrics], other: list[Metrics]) -> bool:
    """Equal to float tolerance, all of it."""
    return len(one) == len(other) and all(
        a == pytest.approx(b, rel=1e-4, abs=1e-5) for a, b in zip(one, other, strict=True)
    )


def loaded(path: Path) -> tuple[Any, float, float]:
    """A saved model of layers of Keras alone, and its loss and accuracy on the test images."""
    import keras

    model = keras.models.load_model(path, compile=False)
    assert {type(layer).__module__.partition(".")[0] for layer in model._flatten_layers()} == {"keras"}
    images, labels = random_images(32).test.take()
    found = model(images.astype("float32"), training=False)
    losses = keras.losses.sparse_categorical_crossentropy(labels, found)
    return model, float(keras.ops.mean(losses)), float(np.mean(np.argmax(found, axis=1) == labels))


@pytest.mark.parametrize(
    "settings",
    [HEAD, {"pooling": "flatten"}, {"pooling": "max"}, HEAD | TWO_STAGE, {"unfreeze_depth": 0}],
    ids=str,
)
def test_caching_changes_no_metric(tmp_path: Path, settings: dict[str, Any]) -> None:
    cached = run(tmp_path, settings)
    assert any(path.name.startswith("features-") for path in (tmp_path / "cache").iterdir())
    assert same(cached, run(tmp_path / "other", settings | {"cache_features": False}))
    assert not (tmp_path / "other" / "cache").exists()
    assert cached == run(tmp_path, settings)


def test_what_is_cached_in_front_of_layers_that_train_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    settings = {"unfreeze_depth": 10}
    assert run(tmp_path, settings) == run(tmp_path, settings | {"cache_features": False})


@pytest.mark.slow
@pytest.mark.parametrize("network", BACKBONES)
def test_every_backbone_trains_and_its_saved_model_predicts_the_same(tmp_path: Path, network: str) -> None:
    known, trial = BACKBONES[network], Trial(cache_dir=tmp_path / "cache")
    data = random_images(known.smallest_side)
    own = {"network": network, "weights": "none", "unfreeze_depth": known.blocks[-1]} | HEAD
    settings = SMALL | own
    cached = list(train_on(data, settings, trial))
    plain = list(train_on(data, settings | {"cache_features": False}, Trial(cache_dir=tmp_path / "other")))
    assert same(without_seconds(cached), without_seconds(plain))
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")  # Raises where Keras loads another model than the measured one.


def test_trials_that_share_the_network_to_be_saved_each_save_their_own(tmp_path: Path) -> None:
    import keras

    kinds = (HEAD | {"dropout": 0.0}, HEAD, HEAD | {"dropout": 0.4, "learning_rate": 0.1})
    trials = [Trial(cache_dir=tmp_path / "cache") for _ in kinds]
    lasts = [list(train_on(random_images(32), SMALL | kind, one))[-1] for one, kind in zip(trials, kinds, strict=True)]
    for trial, kind, last in zip(trials, kinds, lasts, strict=True):
        assert trial.save_model
        trial.save_model(tmp_path / "model.keras")
        model, loss, _ = loaded(tmp_path / "model.keras")
        assert loss == pytest.approx(last["test_loss"], rel=1e-3)
        rates = [one.rate for one in model.layers if isinstance(one, keras.layers.Dropout)]
        assert rates == [rate for rate in (kind["dropout"], kind["head_dropout"]) if rate]
    assert len({last["test_loss"] for last in lasts}) == len(kinds)


@pytest.mark.slow
def test_saved_model_needs_nothing_of_this_package(tmp_path: Path) -> None:
    trial = Trial(cache_dir=tmp_path)
    last = list(train_on(random_images(32), SMALL | HEAD | {"unfreeze_depth": 10}, trial))[-1]
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    loss, accuracy = evaluated(tmp_path / "model.keras", random_images(32).test.take())
    assert (loss, accuracy) == pytest.approx((last["test_loss"], last["test_accuracy"]), rel=1e-3)


def test_a_trial_refuses_other_weights_than_those_that_were_planned_with(tmp_path: Path) -> None:
    planned = check_weights_files({name: (value,) for name, value in SMALL.items()}, None, None)
    assert len(run(tmp_path, {"epochs": 1}, contents=planned)) > 0
    with pytest.raises(ContentDiffers, match="with which the search was planned"):
        run(tmp_path, {}, contents=dict.fromkeys(planned, "0" * 32))


def test_parameters_are_counted_in_all_and_trainable(tmp_path: Path) -> None:
    """Those that a trial announces, and does then not train."""
    announced: list[Mapping[str, float]] = []

    def hear(sizes: Mapping[str, float]) -> None:
        announced.append(sizes)
        raise ConstraintViolated

    for settings in ({}, {"unfreeze_depth": "Conv_1"}, {"regime": "scratch"}):
        with pytest.raises(ConstraintViolated):
            run(tmp_path, {"epochs": 1, **settings}, hear=hear)
    frozen, unfrozen, scratch = announced
    assert frozen.items() <= run(tmp_path, {"epochs": 1})[-1].items()
    head = 1280 * 2 + 2
    assert frozen["num_parameters"] == unfrozen["num_parameters"] == scratch["num_parameters"] == 410_208 + head
    assert frozen["num_trainable_parameters"] == head
    assert unfrozen["num_trainable_parameters"] == 112 * 1280 + head
    assert scratch["num_trainable_parameters"] == 410_208 - 14_080 + head


def test_second_stage_goes_on_counting_epochs_at_its_own_learning_rate(tmp_path: Path) -> None:
    *epochs, last = run(tmp_path, TWO_STAGE | {"learning_rate": 0.01})
    assert [m["epoch"] for m in epochs] == [1, 2, 3, 4]
    assert [m["stage"] for m in epochs] == [1, 1, 2, 2]
    assert [m["learning_rate"] for m in epochs] == pytest.approx([0.01, 0.01, 1e-3, 1e-3])
    assert last["num_trainable_parameters"] > 1280 * 2 + 2
    assert "stage" not in run(tmp_path, {})[0]


def test_each_stage_has_its_own_patience(tmp_path: Path) -> None:
    stopping = {"epochs": 9, "second_epochs": 9, "patience": 1, "metric": "val_accuracy", "learning_rate": 1e-9}
    *epochs, _ = run(tmp_path, TWO_STAGE | stopping | {"second_learning_rate": 1e-9})
    assert [m["stage"] for m in epochs] == [1, 1, 2]


def test_without_patience_a_long_second_stage_trains_all_its_epochs(tmp_path: Path) -> None:
    still = {"epochs": 1, "second_epochs": 3, "learning_rate": 1e-12, "second_learning_rate": 1e-12}
    *epochs, _ = run(tmp_path, TWO_STAGE | still)
    assert [m["stage"] for m in epochs] == [1, 2, 2, 2]


def test_weights_of_the_first_stage_return_when_the_second_only_harms(tmp_path: Path) -> None:
    harmful = TWO_STAGE | {"second_learning_rate": 3.0, "second_epochs": 1, "metric": "val_loss"}
    *epochs, last = run(tmp_path, harmful)
    alone = run(tmp_path, {"metric": "val_loss"})[-1]
    assert epochs[-1]["val_loss"] > min(m["val_loss"] for m in epochs)
    assert last["test_loss"] == pytest.approx(alone["test_loss"], rel=1e-4)


def test_resumed_trial_equals_an_uninterrupted_one_in_either_stage(tmp_path: Path) -> None:
    settings = TWO_STAGE | {"patience": 5, "reduce_on_plateau": 1}
    trial, whole = Trial(cache_dir=tmp_path / "cache"), list[Metrics]()
    for metrics in train_on(random_images(32), SMALL | settings, trial):
        whole.append(metrics)
        if len(whole) < 4:  # One in the first stage, its end, and one in the second.
            assert trial.save
            trial.save(tmp_path / f"after-{len(whole)}")
    for stopped_after in (1, 2, 3):
        rest = run(tmp_path, settings, checkpoint=tmp_path / f"after-{stopped_after}")
        assert rest == without_seconds(whole[stopped_after:])


def test_random_augmentation_is_not_cached_unless_copies_are_asked_for(tmp_path: Path) -> None:
    run(tmp_path, {"augmentation": "flip_rotation"})
    assert not (tmp_path / "cache").exists()
    settings = {"augmentation": "flip_rotation", "cached_augmentations": 2, "epochs": 3, "learning_rate": 1e-12}
    losses = [m["loss"] for m in run(tmp_path, settings)[:3]]
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)
    assert losses[0] != pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_metrics_do_not_depend_on_which_backbone_with_as_many_features_came_before(tmp_path: Path) -> None:
    run(tmp_path, HEAD | {"network": "efficientnet_b0", "weights": "none"})
    after = run(tmp_path, HEAD)
    assert same(after, run(tmp_path, HEAD | {"cache_features": False}))


def test_head_of_cached_features_is_compiled_once(tmp_path: Path) -> None:
    from trainables.compiled.kept_programs import kept_structures

    run(tmp_path, {})
    before = kept_structures()
    run(tmp_path, {"learning_rate": 0.1}, seed=3)
    assert kept_structures() == before


@pytest.mark.slow
def test_frozen_pretrained_backbone_tells_cats_from_dogs_with_and_without_the_cache(tmp_path: Path) -> None:
    trial = Trial(data_dir=data_dir(), cache_dir=tmp_path)
    config = CATS | PRETRAINED | {"epochs": 6, "dropout": 0.2}
    cached, plain = (without_seconds(list(train(config | {"cache_features": flag}, trial))) for flag in (True, False))
    assert same(cached, plain)
    assert cached[-1]["test_accuracy"] > 0.65
    assert cached[-1]["test_accuracy"] > cached[-1]["baseline_accuracy"] + 0.15


@pytest.mark.slow
def test_unfrozen_pretrained_backbone_gives_the_same_with_and_without_the_cache(tmp_path: Path) -> None:
    trial = Trial(data_dir=data_dir(), cache_dir=tmp_path)
    config = CATS | PRETRAINED | TWO_STAGE | {"epochs": 2}
    cached, plain = (without_seconds(list(train(config | {"cache_features": flag}, trial))) for flag in (True, False))
    assert same(cached, plain)


@pytest.mark.parametrize(
    "settings",
    [
        {"mixing": "cutmix", "schedule": "cosine", "warmup_epochs": 0.5, "random_crop": 3, "label_smoothing": 0.1},
        HEAD | TWO_STAGE | {"precision": "mixed_bfloat16"},
    ],
    ids=str,
)
def test_settings_of_the_training_hold_for_backbones_and_their_saved_models(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    trial = Trial(cache_dir=tmp_path / "cache")
    last = list(train_on(random_images(32), SMALL | settings, trial))[-1]
    assert not (tmp_path / "cache").exists()  # Every epoch sees other images, or computes them otherwise.
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")  # Raises where it is not the one that was measured.
    assert loaded(tmp_path / "model.keras")[2] == pytest.approx(last["test_accuracy"])
