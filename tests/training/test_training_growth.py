"""Training sets that grow within a trial: which images, which epochs count, resumed or not, from scratch or frozen."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.small_backbones import random_images, without_seconds
from tests.support.small_data import digits
from trainables.data import Data
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.image_classifier import train_on
from trainables.training.growth import seen_in
from trainables.trial import Growth, Metrics, Trial

CONFIG: dict[str, object] = {"filters": 8, "dropout": 0.3, "head_units": 16, "batch_size": 16, "epochs": 6}
BOTH = Growth(((1, 0.1), (3, 0.3)))
ANEW = Growth(((6, 0.1), (12, 0.3)), anew=True)
BACKBONE: dict[str, object] = {"network": "mobilenet_v2", "alpha": 0.35, "weights": "none", "batch_size": 2}
TWO_STAGE: dict[str, object] = {"unfreeze_depth": "block_16", "epochs": 2, "second_epochs": 2}


def run(growth: Growth, config: dict[str, Any] | None = None, data: Data | None = None, **more: Any) -> list[Metrics]:
    yields = train_on(data or digits(), CONFIG | (config or {}), Trial(growth=growth, **more))
    return without_seconds(list(yields))


def images(epochs: list[Metrics]) -> list[float]:
    return [metrics["train_images"] for metrics in epochs]


def test_parts_are_stratified_and_lie_within_each_other_and_within_a_smaller_sample() -> None:
    parts = [seen_in(epoch, digits(), BOTH, 1).train for epoch in (1, 2, 4)]
    assert [len(part) for part in parts] == [20, 60, 200]
    for part, larger in pairwise(parts):
        np.testing.assert_array_equal(part.index, larger.index[: len(part)])
        assert np.bincount(part.labels[part.index]).min() >= len(part) // 10 - 1
    np.testing.assert_array_equal(seen_in(1, digits(100), BOTH, 1).train.index, parts[0].index[:10])


def test_part_holds_a_batch_and_every_class_at_least() -> None:
    assert len(seen_in(1, digits(), BOTH, 64).train) == 64
    assert len(seen_in(1, digits(), BOTH, 500).train) == 200
    smallest = seen_in(1, digits(), Growth(((1, 0.001),)), 1).train
    assert set(smallest.labels[smallest.index]) == set(range(10))


def test_training_goes_on_with_more_images_behind_each_rung() -> None:
    *epochs, last = run(BOTH)
    assert [m["epoch"] for m in epochs] == [1, 2, 3, 4, 5, 6]
    assert images(epochs) == [20, 60, 60, 200, 200, 200]
    assert last["sample_size"] == 200
    assert run(BOTH) == [*epochs, last]


def test_without_growth_nothing_changes_and_no_column_appears() -> None:
    assert "train_images" not in run(Growth())[0]


def test_one_compiled_program_serves_every_size_of_the_training_set() -> None:
    configure(1)
    from trainables.compiled import kept_programs, program

    run(BOTH, {"head_units": 19})
    before, traced = kept_programs.kept_structures(), []
    trace, program._traced = program._traced, lambda *given: traced.append(given)
    try:
        run(BOTH, {"head_units": 19, "dropout": 0.2})
        run(ANEW, {"head_units": 19})
    finally:
        program._traced = trace
    assert (kept_programs.kept_structures(), traced) == (before, [])


def test_last_of_the_trainings_that_begin_anew_is_the_one_without_a_fidelity() -> None:
    *epochs, last = run(ANEW)
    assert images(epochs) == [20] * 6 + [60] * 6 + [200] * 6
    assert [m["epoch"] for m in epochs] == list(range(1, 19))
    own = [{**m, "epoch": m["epoch"] - 12} for m in epochs[12:]]
    assert [{k: v for k, v in m.items() if k != "train_images"} for m in own] == run(Growth())[:-1]
    assert last == run(Growth())[-1]


@pytest.mark.parametrize("growth", [BOTH, ANEW], ids=["both", "anew"])
def test_only_epochs_on_all_images_cost_patience(growth: Growth) -> None:
    frozen = {"learning_rate": 1e-12, "patience": 1, "dropout": 0.0, "reduce_on_plateau": 1}
    *epochs, _ = run(growth, frozen)
    whole = [m for m in epochs if m["train_images"] == 200]
    assert len(whole) == 2
    assert {m["learning_rate"] for m in epochs if m not in whole} == {epochs[0]["learning_rate"]}


def test_only_epochs_on_all_images_are_tested(tmp_path: Path) -> None:
    """At a rate that destroys what was learned, the best epochs are the early ones."""
    late = Growth(((5, 0.5),))
    config = {"learning_rate": 0.3, "metric": "val_loss", "optimizer": "sgd_momentum", "patience": 5}
    trial = Trial(growth=late)
    *epochs, _ = list(train_on(digits(), CONFIG | config, trial))
    assert min(epochs, key=lambda m: m["val_loss"])["epoch"] < 6
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    import keras

    model = keras.saving.load_model(tmp_path / "model.keras")
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, _ = model.evaluate(*digits().validation.take(), verbose=0)
    assert loss == pytest.approx(epochs[-1]["val_loss"], rel=1e-3)


@pytest.mark.parametrize(("growth", "saved"), [(BOTH, 1), (BOTH, 3), (BOTH, 5), (ANEW, 4), (ANEW, 6), (ANEW, 14)])
def test_resumed_trial_equals_an_uninterrupted_one(tmp_path: Path, growth: Growth, saved: int) -> None:
    config = {"patience": 4, "reduce_on_plateau": 1, "augmentation": "flip"}
    whole = run(growth, config)
    trial = Trial(growth=growth)
    running = train_on(digits(), CONFIG | config, trial)
    for _ in range(saved):
        next(running)
    assert trial.save
    trial.save(tmp_path)
    running.close()
    run(Growth(), {"learning_rate": 0.1})
    assert run(growth, config, checkpoint=tmp_path) == whole[saved:]


@pytest.mark.parametrize("growth", [Growth(((6, 0.5),)), Growth(((5, 0.5),), anew=True)], ids=["both", "anew"])
def test_trial_of_other_lengths_than_the_search_counts_on_says_so(growth: Growth) -> None:
    with pytest.raises(TrainableError, match="the trial has 6 epochs"):
        run(growth)


@pytest.mark.parametrize(
    "growth", [Growth(((1, 0.25), (3, 0.5))), Growth(((4, 0.5),), anew=True)], ids=["both", "anew"]
)
def test_cached_features_of_a_growing_training_set_change_no_metric(tmp_path: Path, growth: Growth) -> None:
    data, config = random_images(32), BACKBONE | TWO_STAGE
    cached = run(growth, config, data, cache_dir=tmp_path / "cache")
    plain = run(growth, config | {"cache_features": False}, data, cache_dir=tmp_path / "other")
    assert len({m["train_images"] for m in cached[:-1]}) > 1
    assert [m["stage"] for m in cached[:4]] == [1, 1, 2, 2]
    for one, other in zip(cached, plain, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4)
    trial = Trial(growth=growth, cache_dir=tmp_path / "cache")
    running = train_on(data, CONFIG | config, trial)
    for _ in range(3):
        next(running)
    assert trial.save
    trial.save(tmp_path / "checkpoint")
    running.close()
    again = run(growth, config, data, cache_dir=tmp_path / "cache", checkpoint=tmp_path / "checkpoint")
    assert again == cached[3:]
