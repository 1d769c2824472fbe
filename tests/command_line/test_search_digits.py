"""A whole search of image classifiers on the embedded digits, and what it leaves in its folder."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from search.experiment.manifest import read_manifest
from search.run import main
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.trial import Trial

configure(cpus=1)

import keras  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        words = ["spaces/digits_filters.py", "--results", str(results), "--trials", "7", "--seed", "5"]
        assert main([*words, "--set", "epochs=5", "--max-concurrent", "2"]) == 0
    (results / "said").write_text(said.getvalue())
    return results / "digits_filters"


@pytest.fixture(scope="module")
def trials(root: Path) -> pd.DataFrame:
    table: pd.DataFrame = pq.read_table(root / "trials.parquet").to_pandas()
    return table


def best(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_manifest(root)["best"]
    return found


def test_the_folder_holds_what_is_documented_and_no_pickle(root: Path) -> None:
    names = {path.name for path in root.iterdir()} - {"logs", ".lock"}
    assert names == {
        "manifest.json",
        "space.py",
        "study.journal",
        "trials.parquet",
        "epochs.parquet",
        "predictions",
        "classes",
        "models",
    }
    assert (root / "space.py").read_text() == Path("spaces/digits_filters.py").read_text()
    assert not [path for path in root.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]


def test_every_trial_has_one_row_with_the_documented_columns(trials: pd.DataFrame) -> None:
    assert sorted(trials.number) == list(range(7))
    assert set(trials.state) <= {"complete", "pruned"}
    expected = {"config.filters", "config.kernel_size", "config.dropout", "config.learning_rate", "best_epoch"}
    expected |= {"val_accuracy", "val_loss", "accuracy", "loss", "train_seconds", "wait_seconds", "node", "worker"}
    assert expected <= set(trials.columns)
    complete = trials[trials.state == "complete"]
    assert (
        complete[["test_accuracy", "test_loss", "baseline_accuracy", "num_parameters", "sample_size"]]
        .notna()
        .all(axis=None)
    )
    assert trials[trials.state == "pruned"].test_accuracy.isna().all()
    assert (trials.seed == 5).all()
    assert (trials.dataset == "digits").all()


def test_a_trial_s_metrics_are_those_of_its_best_epoch(root: Path, trials: pd.DataFrame) -> None:
    epochs = pq.read_table(root / "epochs.parquet").to_pandas()
    for row in trials.itertuples():
        own = epochs[epochs.trial_id == row.trial_id]
        assert len(own) == row.epochs
        assert row.val_accuracy == own.val_accuracy.max()
        assert row.val_loss == own.val_loss[own.epoch == row.best_epoch].item()


def test_the_best_model_opens_in_safe_mode_and_scores_what_the_table_says(root: Path, trials: pd.DataFrame) -> None:
    row = trials.set_index("trial_id").loc[best(root)["trial_id"]]
    model = keras.saving.load_model(root / best(root)["model"])
    data = load_data({"dataset": "digits"}, Trial(split_seed=5))
    images, labels = data.test.take()
    predicted = np.argmax(model.predict(images, verbose=0), axis=1)
    assert np.mean(predicted == labels) == pytest.approx(row.test_accuracy, abs=1e-6)
    stored = pq.read_table(root / "predictions" / f"{row.name}.parquet").to_pandas()
    assert (stored.label == labels).all()
    assert (stored.predicted == predicted).mean() > 0.999
    classes = pq.read_table(root / "classes" / f"{row.name}.parquet").to_pandas()
    assert classes.images.sum() == len(labels)
    assert (classes.recall * classes.images).sum() == pytest.approx((stored.predicted == labels).sum())


def test_one_worker_was_started_for_each_slot(trials: pd.DataFrame) -> None:
    assert trials.worker.nunique() <= 2


def test_the_manifest_tells_how_to_reproduce_it(root: Path) -> None:
    manifest = read_manifest(root)
    assert manifest["state"] == "finished"
    assert manifest["options"]["seed"] == 5
    assert manifest["dataset"]["name"] == "digits"
    assert manifest["versions"]["keras"] == keras.__version__
    assert manifest["command"][:1] == ["spaces/digits_filters.py"]
    json.dumps(manifest)


def test_a_search_with_the_same_seed_on_one_worker_gives_the_same_results(tmp_path: Path) -> None:
    """What was trained before in that worker, and on a program that was reused, makes no difference."""
    words = ["spaces/digits_filters.py", "--results", str(tmp_path), "--max-concurrent", "1", "--quiet"]
    words += ["--set", "epochs=2", "--trials", "4"]
    tables = []
    for name in ("one", "two"):
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*words, "--name", name]) == 0
        table = pq.read_table(tmp_path / name / "trials.parquet").to_pandas()
        tables.append(table[[c for c in table if c.startswith(("config.", "val_", "test_"))]])
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("name", ["build_deep", "OwnLoop"])
def test_build_function_or_hypermodel_is_searched_without_a_space_file(name: str, tmp_path: Path) -> None:
    words = [f"tests/support/kerastuner_guides.py:{name}", "--dataset", "digits", "--metric", "val_loss", "--quiet"]
    words += ["--trials", "2", "--set", "epochs=1", "sample_size=200", "--results", str(tmp_path), "--stopping", "none"]
    assert main([*words, "--max-concurrent", "1"]) == 0
    root = tmp_path / f"kerastuner_guides-{name}"
    table = pq.read_table(root / "trials.parquet").to_pandas()
    expected = {"build_deep": ["num_layers", "units_0", "dropout", "rate"], "OwnLoop": ["batch_size", "learning_rate"]}
    assert {f"config.{parameter}" for parameter in expected[name]} <= {*table}
    assert read_manifest(root)["space"]["mode"] == "min"
    assert table["test_loss"].notna().all()
