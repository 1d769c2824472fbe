"""A disk that takes no more while an experiment is opened, and at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import SearchError, StorageLost
from search.experiment.folder import Experiment
from search.experiment.manifest import read_manifest
from search.experiment.schema import read_trials
from tests.support.full_disk import no_file_longer_than
from tests.support.small_experiment import SPACE, row


def test_an_experiment_that_finds_no_space_at_its_beginning_says_so_and_is_free_again(tmp_path: Path) -> None:
    with (
        no_file_longer_than(0),
        pytest.raises(SearchError, match=r"/e cannot be written \(File too large\); mend that"),
    ):
        Experiment.create(tmp_path / "e", SPACE, "space = None\n", {"name": "e"})
    Experiment.create(tmp_path / "e", SPACE, "space = None\n", {"name": "e"}).close()
    with (
        no_file_longer_than(0),
        pytest.raises(SearchError, match=r"/e cannot be written \(File too large\); mend that"),
    ):
        Experiment.reopen(tmp_path / "e", SPACE, {"name": "e"})
    Experiment.reopen(tmp_path / "e", SPACE, {"name": "e"}).close()


def test_an_experiment_that_finds_no_space_at_its_end_says_so_and_keeps_every_row(tmp_path: Path) -> None:
    experiment = Experiment.create(tmp_path / "e", SPACE, "space = None\n", {"name": "e"})
    experiment.append([row(0)])
    experiment.append([row(1)])
    for end in (experiment.compact, lambda: experiment.update_manifest({"state": "finished"})):
        with no_file_longer_than(0), pytest.raises(StorageLost, match=r"cannot be written .* go on with --resume"):
            end()
    assert read_manifest(experiment.root) == {"name": "e"}
    assert read_trials(experiment.root).table["trial_id"].to_pylist() == ["00000", "00001"]
    experiment.compact()
    assert read_trials(experiment.root).table["trial_id"].to_pylist() == ["00000", "00001"]
    experiment.close()
