"""Loading experiment folders: what is read, what is refused, and what is left out by name."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.load import load
from search.errors import SearchError
from tests.support.analysis_world import searched, trial, write


def test_whole_numbers_stay_whole_where_a_parameter_is_inactive(tmp_path: Path) -> None:
    rows = [trial(0, 0.9, {"network": "vgg16", "unfreeze_depth": 3}), trial(1, 0.8, {"network": "two_conv"})]
    depth = load(write(tmp_path / "a", rows)).trials["config.unfreeze_depth"]
    assert depth.tolist()[0] == 3
    assert depth.isna().tolist() == [False, True]
    assert depth.dtype == pd.Int64Dtype()


def test_running_search_reads_as_the_finished_one(tmp_path: Path) -> None:
    parts = load(write(tmp_path / "a", searched(70), compact=False))
    whole = load(write(tmp_path / "b" / "a", searched(70)))
    pd.testing.assert_frame_equal(parts.trials, whole.trials, check_like=True)  # Columns come as trials bring them.
    assert parts.parameters == whole.parameters
    pd.testing.assert_frame_equal(parts.epochs, whole.epochs)


def test_damaged_part_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(5), compact=False)
    torn = sorted((root / "trials").iterdir())[2]
    torn.write_bytes(torn.read_bytes()[:100])
    results = load(root)
    assert len(results.trials) == 4
    assert results.skipped == (f"{root}/trials/{torn.name}",)


def test_address_of_a_file_system_reads_as_the_path(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(5))
    near, far = load(root), load(root.as_uri())
    pd.testing.assert_frame_equal(near.trials, far.trials)
    pd.testing.assert_frame_equal(near.epochs, far.epochs)


def test_two_experiments_of_one_name_keep_their_trials_apart(tmp_path: Path) -> None:
    one, two = write(tmp_path / "x" / "a", searched(5)), write(tmp_path / "y" / "a", searched(7, seed=1))
    results = load(one, two)
    assert results.trials["key"].is_unique
    assert set(results.epochs["key"]) == set(results.trials["key"])
    assert results.trials["experiment"].value_counts().to_dict() == {str(one): 5, str(two): 7}


def test_copied_experiment_has_the_name_of_its_folder(tmp_path: Path) -> None:
    first = write(tmp_path / "first", searched(5))
    shutil.copytree(first, tmp_path / "copy")
    results = load(first, tmp_path / "copy" / ".." / "copy", f"{tmp_path}/copy/")
    assert results.trials["experiment"].value_counts().to_dict() == {"first": 5, "copy": 5}
    assert results.trials["key"].is_unique


def test_fixed_setting_of_one_search_compares_with_the_parameter_of_another(tmp_path: Path) -> None:
    one = write(tmp_path / "a", [trial(0, 0.9, {"filters": 32})])
    two = write(tmp_path / "b", [trial(0, 0.9, {"filters": 64})])
    manifest = json.loads((two / "manifest.json").read_text())
    manifest["space"]["fixed"]["batch_size"] = 32
    (two / "manifest.json").write_text(json.dumps(manifest))
    results = load(one, two)
    assert results.trials["config.batch_size"].tolist() == [128, 32]
    assert results.varied == ["config.filters", "config.batch_size"]


def test_folder_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "results" / "a", searched(3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("notes")
    cases = {
        "results": "1 experiment; expected one of them: a.",
        "results/b": "There are: a",
        "empty": "is empty",
        "other": "no manifest",
    }
    for name, words in cases.items():
        with pytest.raises(SearchError, match=words) as error:
            load(tmp_path / name)
        assert "\n" not in str(error.value)


def test_damaged_manifest_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(3))
    (root / "manifest.json").write_text('{"name":')
    with pytest.raises(SearchError, match=r"a/manifest\.json cannot be read"):
        load(root)


def test_unknown_scheme_is_refused() -> None:
    with pytest.raises(SearchError, match="nowhere://results is not an address"):
        load("nowhere://results")


def test_mixed_metrics_are_refused(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a", searched(3)), write(tmp_path / "b", searched(3))
    manifest = json.loads((two / "manifest.json").read_text())
    manifest["space"].update(metric="val_loss", mode="min")
    (two / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SearchError, match="a: val_accuracy, b: val_loss"):
        _ = load(one, two).metric


def test_search_without_a_finished_trial_says_what_it_has(tmp_path: Path) -> None:
    rows = [{"trial_id": "t0", "number": 0, "state": "running"}, {"trial_id": "t1", "number": 1, "state": "failed"}]
    with pytest.raises(SearchError, match=r"no finished trial yet \(1 failed, 1 running\)"):
        load(write(tmp_path / "a", rows, epochs=False)).complete()
    with pytest.raises(SearchError, match=r"no finished trial yet \(no trials\)"):
        load(write(tmp_path / "b", [])).complete()
