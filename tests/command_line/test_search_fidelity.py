"""A whole search of image classifiers whose early rungs have fewer epochs on a part of the images."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.load import load
from analysis.tables import trial_table
from search.run import main

pytestmark = pytest.mark.slow


def test_search_stops_trials_on_a_part_of_the_images_and_compares_only_the_others(tmp_path: Path) -> None:
    words = ["spaces/digits_filters.py", "--results", str(tmp_path), "--trials", "6", "--sampler", "random"]
    pins = ["--set", "filters=8", "--set", "kernel_size=3", "--set", "epochs=9"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main([*words, *pins, "--fidelity", "both", "--max-concurrent", "1"]) == 0
    root = tmp_path / "digits_filters"
    trials, epochs = (pq.read_table(root / f"{name}.parquet").to_pandas() for name in ("trials", "epochs"))
    dataset = load(root).sources[0].dataset
    assert dataset is not None
    size = dataset.num_train
    complete, pruned = (trials[trials.state == state] for state in ("complete", "pruned"))
    assert len(complete) + len(pruned) == 6
    assert len(pruned) > 0
    assert (complete.sample_size == size).all()
    assert (complete.training_share == 1).all()
    assert (complete.best_epoch > 3).all()
    assert (pruned.sample_size < size).all()
    assert (pruned.training_share < 1).all()
    for trial_id in complete.trial_id:
        images = epochs[epochs.trial_id == trial_id].train_images.tolist()
        assert images == [round(size / 9), *[round(size / 3)] * 2, *[size] * 6]
    line = f"{len(pruned)} trial{'s were' if len(pruned) > 1 else ' was'} stopped on a part of the training set"
    assert line in said.getvalue()
    assert line in " ".join(trial_table(load(root)).notes)
    assert "pruned" not in said.getvalue().partition("Best trials")[2]
