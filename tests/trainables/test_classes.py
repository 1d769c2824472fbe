"""What is stored of each class, against scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tests.support.small_data import digits
from trainables.engines.classes import class_columns
from trainables.image_classifier import train_on
from trainables.training.tables import write_table
from trainables.trial import Trial


def test_scores_and_confusion_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    table = pd.DataFrame(class_columns(labels, predicted, list("abcd")))
    scores = np.array(precision_recall_fscore_support(labels, predicted))
    np.testing.assert_allclose(table[["precision", "recall", "f1", "images"]].to_numpy().T, scores)
    matrix = table[[f"predicted_{name}" for name in "abcd"]].to_numpy()
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, predicted))
    assert (table["baseline_accuracy"] == np.bincount(labels).max() / 200).all()


def test_class_that_was_never_predicted_has_no_precision() -> None:
    table = class_columns(np.array([0, 1, 1]), np.array([1, 1, 1]), ["rare", "common"])
    np.testing.assert_array_equal(table["precision"], [np.nan, 2 / 3])
    np.testing.assert_array_equal(table["recall"], [0, 1])


def test_trial_writes_its_classes_as_parquet(tmp_path: Path) -> None:
    trial = Trial()
    last = list(train_on(digits(), {"filters": 8, "head_units": 16, "epochs": 1}, trial))[-1]
    assert trial.save_classes
    trial.save_classes(tmp_path / "classes.parquet")
    table = pd.read_parquet(tmp_path / "classes.parquet")
    assert list(table["class"]) == [str(digit) for digit in range(10)]
    assert (table["recall"] * table["images"]).sum() / table["images"].sum() == pytest.approx(last["test_accuracy"])
    assert table["baseline_accuracy"].iloc[0] == pytest.approx(last["baseline_accuracy"])


def test_stored_columns_are_those_that_arrow_makes(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    tables: list[dict[str, Any]] = [
        {**class_columns(np.array([0, 1, 1]), np.array([0, 1, 0]), ["", "Übergröße"]), "n": [1, 2]},
        {"row": np.arange(5)[::-1], "third": wide[:, 2]},
        {"none": wide[:0, 0]},
    ]
    for given in tables:
        write_table(given, tmp_path / "stored.parquet")
        assert pyarrow.parquet.read_table(tmp_path / "stored.parquet").equals(pa.table(given))
