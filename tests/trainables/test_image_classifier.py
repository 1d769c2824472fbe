"""One trial of the image classifier, from its settings to its saved model."""

import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.saved_models import evaluated
from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError, TrialDiverged
from trainables.image_classifier import METRICS, train, train_on, train_with
from trainables.settings.checks import check_image_settings
from trainables.trial import Metrics, Trial, check_loss

SMALL: dict[str, object] = {"filters": 8, "dropout": 0.3, "head_units": 16, "batch_size": 32, "epochs": 3}


def run(config: dict[str, Any], trial: Trial | None = None) -> list[Metrics]:
    """All yields, without the seconds, which no seed decides."""
    metrics = list(train_on(digits(), SMALL | config, trial or Trial()))
    return [{name: value for name, value in m.items() if name != "seconds"} for m in metrics]


def test_import_needs_no_framework() -> None:
    code = "import sys, trainables.image_classifier; assert not {'tensorflow', 'keras', 'ray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_process_that_trains_says_nothing() -> None:
    code = "from trainables.engines.runtime import configure; configure(1); import keras; print(keras.ops.ones(2)[0])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


def test_trial_yields_every_epoch_and_then_the_test(tmp_path: Path) -> None:
    config = {"dataset": "digits", "sample_size": 100, **SMALL}
    *epochs, last = list(train(config, Trial(cache_dir=tmp_path)))
    assert [m["epoch"] for m in epochs] == [1, 2, 3]
    assert set().union(*epochs, last) - {"epoch", "seconds"} == METRICS
    assert "epoch" not in last
    assert last["sample_size"] == 100
    assert all(type(value) in (int, float) for m in (*epochs, last) for value in m.values())


def test_same_seed_gives_the_same_metrics_whatever_ran_before() -> None:
    first = run({}, Trial(seed=5))
    run({"learning_rate": 0.01, "weight_decay": 0.1, "dropout": 0.6, "batch_size": 16}, Trial(seed=6))
    run({"optimizer": "sgd"}, Trial(seed=7))
    assert run({}, Trial(seed=5)) == first
    assert run({}, Trial(seed=6)) != first


def test_program_that_is_reused_gives_what_a_new_process_gives() -> None:
    run({"dropout": 0.5, "learning_rate": 0.02}, Trial(seed=1))
    reused = run({}, Trial(seed=2))[-1]["test_loss"]
    code = f"""
from tests.support.small_data import digits
from trainables.image_classifier import train_on
from trainables.trial import Trial
print(repr(list(train_on(digits(), {SMALL!r}, Trial(seed=2)))[-1]["test_loss"]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) == reused


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adamw", "augmentation": "flip", "reduce_on_plateau": 1}])
def test_resumed_trial_equals_an_uninterrupted_one(settings: dict[str, Any], tmp_path: Path) -> None:
    config = SMALL | settings | {"epochs": 5, "patience": 3}
    whole = run(config)
    trial = Trial()
    running = train_on(digits(), config, trial)
    next(running), next(running)
    assert trial.save
    trial.save(tmp_path)
    running.close()
    run({"learning_rate": 0.1}, Trial(seed=9))
    assert run(config, Trial(checkpoint=tmp_path)) == whole[2:]


def test_checkpoint_holds_no_pickle(tmp_path: Path) -> None:
    trial = Trial()
    running = train_on(digits(), SMALL, trial)
    next(running)
    assert trial.save
    trial.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz", ".json"}
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


def test_trial_that_stopped_early_before_its_checkpoint_only_tests_after_it(tmp_path: Path) -> None:
    config, trial = SMALL | {"learning_rate": 1e-12, "patience": 2, "epochs": 9, "dropout": 0.0}, Trial()
    whole = []
    for metrics in train_on(digits(), config, trial):
        whole.append(metrics)
        if "epoch" in metrics and trial.save:
            trial.save(tmp_path / str(metrics["epoch"]))
    last = max(tmp_path.iterdir())
    assert int(last.name) < 9
    assert list(train_on(digits(), config, Trial(checkpoint=last))) == whole[-1:]


def test_early_stopping_ends_the_trial_when_patience_is_over() -> None:
    *epochs, _ = run({"learning_rate": 0.1, "patience": 2, "epochs": 30, "metric": "val_loss", "mode": "min"})
    best = min(epochs, key=lambda m: m["val_loss"])
    assert len(epochs) < 30
    assert epochs[-1]["epoch"] == best["epoch"] + 2


def test_two_trials_at_the_same_time_do_not_disturb_each_other() -> None:
    alone = run({}, Trial(seed=1)), run({}, Trial(seed=2))
    both = zip(train_on(digits(), SMALL, Trial(seed=1)), train_on(digits(), SMALL, Trial(seed=2)), strict=True)
    together = [[{k: v for k, v in m.items() if k != "seconds"} for m in pair] for pair in both]
    assert [list(pair) for pair in zip(*alone, strict=True)] == together


def test_closed_trial_is_not_tested() -> None:
    trial = Trial()
    running = train_on(digits(), SMALL, trial)
    assert "val_loss" in next(running)
    running.close()
    assert trial.save_model is None


def test_test_metrics_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    trial = Trial()
    *epochs, last = run({"learning_rate": 0.1, "patience": 2, "epochs": 30, "metric": "val_loss", "mode": "min"}, trial)
    best = min(epochs, key=lambda m: m["val_loss"])
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    val_loss, _ = evaluated(tmp_path / "model.keras", digits().validation.take())
    test_loss, test_accuracy = evaluated(tmp_path / "model.keras", digits().test.take())
    assert epochs[-1] != best
    assert val_loss == pytest.approx(best["val_loss"], rel=1e-3)
    assert (test_loss, test_accuracy) == pytest.approx((last["test_loss"], last["test_accuracy"]), rel=1e-3)


def test_saved_predictions_give_the_test_accuracy(tmp_path: Path) -> None:
    trial = Trial()
    last = run({}, trial)[-1]
    assert trial.save_predictions
    trial.save_predictions(tmp_path / "predictions.parquet")
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    probabilities = table.filter(like="probability_")
    assert (table["label"] == table["predicted"]).mean() == pytest.approx(last["test_accuracy"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert table["label"].value_counts().max() / len(table) == pytest.approx(last["baseline_accuracy"])
    assert set(table["row"]).isdisjoint(digits().train.index)


@pytest.mark.parametrize("learning_rate", [1e30, 1e12])
def test_diverged_trial_says_in_which_epoch(learning_rate: float) -> None:
    with pytest.raises(TrialDiverged, match=r"loss (became nan|became inf|exploded from .*) in epoch \d"):
        run({"learning_rate": learning_rate, "optimizer": "sgd", "epochs": 6})


def test_a_model_that_begins_with_next_to_no_loss_may_have_an_ordinary_one_later() -> None:
    check_loss({"loss": 0.3}, epoch=2, first_loss=1e-9)
    with pytest.raises(TrialDiverged, match=r"exploded from 1e-09 to 2e\+06 in epoch 2"):
        check_loss({"loss": 2e6}, epoch=2, first_loss=1e-9)


def test_own_model_trains_with_settings_of_its_own(tmp_path: Path) -> None:
    def build(config: Any, data: Any) -> Any:
        configure(1)
        import keras

        shape = data.train.images.shape[1:]
        layers = [
            keras.layers.Flatten(),
            keras.layers.Dropout(config["width"] / 100),
            keras.layers.Dense(10, "softmax"),
        ]
        return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255), *layers])

    own, config = train_with(build), {"dataset": "digits", "width": 20, "epochs": 20, "learning_rate": 0.01}
    trial = Trial(cache_dir=tmp_path / "cache")
    last = list(own(config, trial))[-1]
    assert last["test_accuracy"] > 0.8
    assert last == list(own(config, Trial(cache_dir=tmp_path / "cache")))[-1]
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    assert evaluated(tmp_path / "model.keras", digits().test.take())[1] == pytest.approx(last["test_accuracy"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"filter": [8]}, "Did you mean filters"),
        ({"network": ["two_conf"]}, "two_conv"),
        ({"dropout": [0.0, 1.0]}, "below 1"),
        ({"learning_rate": [0, 1]}, "above 0"),
        ({"batch_size": [0, 64]}, "from 1"),
        ({"epochs": [2.5]}, "whole number"),
        ({"patience": [-1]}, "from 0"),
        ({"optimizer": ["adamm"]}, "adamw"),
        ({"head_units": [(128, 0)]}, "from 1"),
        ({"sample_size": [100, 5000]}, "at most"),
        ({"network": ["inception"]}, "at least 21 pixels"),
        ({"network": ["two_conv"], "image_size": [3, 28]}, "at least 4 pixels"),
    ],
)
def test_setting_that_cannot_work_is_named_before_training(settings: dict[str, list[object]], words: str) -> None:
    with pytest.raises(TrainableError, match=words):
        check_image_settings(settings, digits().info)


def test_metrics_of_a_closed_trial_free_its_program_for_the_next() -> None:
    configure(1)
    from trainables.compiled import kept_programs

    run({"head_units": 17})
    before = kept_programs.kept_structures()
    list(islice(train_on(digits(), SMALL | {"head_units": 17, "dropout": 0.1}, Trial()), 1))
    assert kept_programs.kept_structures() == before


WITHOUT_PANDAS = """
import sys
from pathlib import Path
from tests.support.small_data import digits
from trainables.image_classifier import train, train_on
from trainables.trial import Trial

train.declaration.warm_up()
for engine in ("compiled", "fit"):
    trial = Trial(cpus=1)
    *_, last = train_on(digits(), {"filters": 8, "epochs": 1, "engine": engine}, trial)
    for save in (trial.save_model, trial.save_predictions, trial.save_classes):
        save(Path(sys.argv[1], "saved.keras"))
assert "pandas" not in sys.modules
import pandas
"""


@pytest.mark.slow  # It imports TensorFlow anew.
def test_a_process_that_trains_images_does_without_pandas(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS, str(tmp_path)], cwd=Path(__file__).parents[2], check=True)
