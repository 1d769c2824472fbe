"""How a network of ours is trained: the same in the compiled program as in Keras' `fit`, or `fit` is taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.settings.checks import check_image_settings
from trainables.settings.image import ImageSettings
from trainables.trial import Growth, Trial

configure(cpus=1)

import keras  # noqa: E402

from trainables.compiled.schedules import Schedule  # noqa: E402
from trainables.image_classifier import train_on  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402
from trainables.training.prepared import prepared_fit  # noqa: E402

SMALL = {"filters": 4, "dropout": 0.0, "batch_norm": "none", "head_units": (16,), "epochs": 3, "batch_size": 48}
SETTINGS: dict[str, dict[str, Any]] = {
    "cosine": {"schedule": "cosine", "warmup_epochs": 0.5},
    "step": {"schedule": "step", "step_epochs": 1, "step_factor": 0.3},
    "warm-up": {"warmup_epochs": 1.5, "optimizer": "sgd_momentum"},
    "smoothed": {"label_smoothing": 0.2, "class_weight": "balanced"},
    "mixup": {"mixing": "mixup", "class_weight": "balanced"},
    "cutmix": {"mixing": "cutmix", "mixing_strength": 0.7, "label_smoothing": 0.1},
    "crop": {"random_crop": 2, "rescaling": "symmetric"},
}


def reports(trial: Trial | None = None, **settings: Any) -> list[dict[str, float]]:
    yielded = list(train_on(digits(), {**SMALL, "learning_rate": 0.01, **settings}, trial or Trial(seed=3)))
    return [{name: value for name, value in one.items() if name != "seconds"} for one in yielded]


@pytest.mark.parametrize("name", SETTINGS)
def test_compiled_program_trains_as_fit_does(name: str) -> None:
    ours, theirs = (reports(engine=engine, **SETTINGS[name]) for engine in ("compiled", "fit"))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, rel=5e-3, abs=5e-3)
    assert ours[-1] != reports()[-1]


def test_schedule_is_that_of_keras() -> None:
    schedules = keras.optimizers.schedules
    of_keras = {
        ("cosine", 0.0): schedules.CosineDecay(0.1, 40),
        ("cosine", 1.0): schedules.CosineDecay(0.0, 30, warmup_target=0.1, warmup_steps=10),
        ("step", 0.0): schedules.ExponentialDecay(0.1, 20, 0.5, staircase=True),
    }
    for (kind, warmup), theirs in of_keras.items():
        ours = Schedule(kind)
        ours.start(ImageSettings(learning_rate=0.1, warmup_epochs=warmup, step_epochs=2, step_factor=0.5))
        for step in range(40):
            if step % 10 == 0:
                ours.begin_epoch(step // 10 + 1, epochs=4, steps=10, iterations=step)
            assert float(ours(step)) == pytest.approx(float(theirs(step)), abs=1e-7), (kind, warmup, step)


def test_schedule_ends_where_the_epochs_do_although_the_training_set_grows() -> None:
    trial = Trial(seed=3, growth=Growth(((1, 0.3), (2, 0.6))))
    grown = reports(trial, schedule="cosine", epochs=4)
    assert [one["learning_rate"] for one in grown[:-1]] == pytest.approx(
        [0.01, 0.00853553, 0.005, 0.00146447], rel=1e-4
    )


def test_later_trial_of_the_same_program_has_settings_of_its_own() -> None:
    alone = reports(schedule="step", step_epochs=1, step_factor=0.5)
    reports(schedule="step", step_epochs=2, step_factor=0.1)
    assert reports(schedule="step", step_epochs=1, step_factor=0.5) == alone


def test_trial_that_was_cut_off_goes_on_as_if_it_was_not(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"schedule": "cosine", "warmup_epochs": 0.5, "mixing": "mixup"}
    whole, trial = reports(**settings), Trial(seed=3)
    first = train_on(digits(), {**SMALL, "learning_rate": 0.01, **settings}, trial)
    next(first)
    assert trial.save is not None
    trial.save(tmp_path)
    first.close()
    assert reports(Trial(seed=3, checkpoint=tmp_path), **settings) == whole[1:]


def test_mixed_precision_is_trained_by_fit_and_saved_as_it_was_measured(tmp_path: Path) -> None:
    trial = Trial(seed=3)
    last = reports(trial, precision="mixed_bfloat16")[-1]
    assert trial.facts == {"engine": "fit", "engine_reason": "it computes in mixed_bfloat16"}
    assert trial.save_model is not None
    trial.save_model(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"
    images, labels = digits().test.take()
    assert np.mean(model.predict(images, verbose=0).argmax(1) == labels) == pytest.approx(last["test_accuracy"])
    with pytest.raises(TrainableError, match="needs 'fit': it computes in mixed_bfloat16"):
        reports(precision="mixed_bfloat16", engine="compiled")


def test_loss_is_scaled_where_half_precision_needs_it() -> None:
    config = {**SMALL, "learning_rate": 0.01, "precision": "mixed_float16", "schedule": "cosine"}
    engine = prepared_fit(config, digits(), seed=3, cpus=1)
    assert isinstance(engine.optimizer, keras.optimizers.LossScaleOptimizer)
    epochs = list(fit(engine, digits(), config, Trial(seed=3)))[:-1]
    assert [one["learning_rate"] for one in epochs] == pytest.approx([0.01, 0.0075, 0.0025], rel=1e-4)


REFUSED: dict[str, dict[str, tuple[object, ...]]] = {
    "'step_factor' is read with schedule='step' only": {"step_factor": (0.1, 0.5), "schedule": ("cosine",)},
    "'mixing_strength' is read with mixing='mixup' or 'cutmix'": {"mixing_strength": (0.2,)},
    "both set the learning rate": {"reduce_on_plateau": (2,), "warmup_epochs": (1, 2)},
    "engine is 'compiled'": {"engine": ("compiled",), "precision": ("float32", "mixed_bfloat16")},
    "smaller than the side": {"random_crop": (2, 8)},
}


@pytest.mark.parametrize("words", REFUSED)
def test_settings_without_effect_and_contradictions_are_refused(words: str) -> None:
    with pytest.raises(TrainableError, match=words):
        check_image_settings(REFUSED[words], digits().info)


def test_configuration_that_sets_the_learning_rate_twice_fails() -> None:
    with pytest.raises(TrainableError, match="both set the learning rate"):
        reports(reduce_on_plateau=1, schedule="cosine")
