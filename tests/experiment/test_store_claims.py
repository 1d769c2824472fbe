"""Who may go on with an experiment in an object store, and from what; on a real S3 server."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import rich.console

from search.console import Console
from search.errors import SearchError, StorageLost
from search.experiment.folder import Experiment
from search.experiment.manifest import read_manifest
from search.experiment.remote.claim import MARKER, Claim
from search.experiment.remote.resumable import ASIDE, experiments_in, newest
from search.experiment.remote.store import Store, parse_results_path, parse_store
from search.experiment.schema import read_epochs, read_trials
from search.screen.listing import print_experiments
from tests.support.s3_server import S3Server
from tests.support.small_experiment import SPACE, row
from tests.support.stored_experiments import begin, manifest, settle, states, wait_for


def test_a_lost_folder_is_made_again_from_the_store(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0)], [{"trial_id": "00000", "epoch": 1}])
    assert settle(experiment) is None
    experiment.close()
    shutil.rmtree(experiment.root)
    before, fetch = newest(experiment.root, store)
    assert before == manifest(store, "monday")
    again = Experiment.reopen(experiment.root, SPACE, manifest(store, "monday", "tuesday"), store, fetch)
    again.append([row(1)])
    assert settle(again) is None
    again.close()
    assert read_trials(experiment.root).table["trial_id"].to_pylist() == ["00000", "00001"]
    assert states(store) == {"00000": "complete", "00001": "complete"}


def test_epochs_that_a_store_has_without_their_trial_are_dropped(tmp_path: Path, store: Store) -> None:
    """A driver was lost when the store had taken the epochs: the next trial with that id may have fewer of them."""
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0)], [{"trial_id": f"0000{trial}", "epoch": epoch} for trial in (0, 1) for epoch in (1, 2)])
    assert settle(experiment) is None
    experiment.close()
    shutil.rmtree(experiment.root)
    again = Experiment.reopen(experiment.root, SPACE, manifest(store, "monday", "tuesday"), store, fetch=True)
    again.append([row(1)], [{"trial_id": "00001", "epoch": 1}])
    assert settle(again) is None
    again.close()
    for root, files in ((again.root, None), (store.path, store.files)):
        stored = read_epochs(root, files).table
        keys = list(zip(stored["trial_id"].to_pylist(), stored["epoch"].to_pylist(), strict=True))
        assert keys == [("00000", 1), ("00000", 2), ("00001", 1)]


def test_a_copy_that_was_continued_elsewhere_is_set_aside(tmp_path: Path, store: Store) -> None:
    for machine in ("one", "two"):
        root = tmp_path / machine / "e"
        if machine == "one":
            experiment = begin(root, store)
        else:
            experiment = Experiment.reopen(root, SPACE, manifest(store, "monday", "tuesday"), store, fetch=True)
        experiment.append([row(0 if machine == "one" else 1)])
        assert settle(experiment) is None
        experiment.close()
    root = tmp_path / "one" / "e"
    assert newest(tmp_path / "two" / "e", store)[1] is False
    assert newest(root, store)[1] is True
    back = Experiment.reopen(root, SPACE, manifest(store, "monday", "tuesday", "friday"), store, fetch=True)
    assert read_trials(root).table["trial_id"].to_pylist() == ["00000", "00001"]
    assert len(list((root.parent / ASIDE).iterdir())) == 1
    assert settle(back) is None
    back.close()


def test_a_folder_of_another_experiment_is_not_mixed_with_the_store_s(tmp_path: Path, store: Store) -> None:
    begin(tmp_path / "e", store).close()
    read = read_manifest(tmp_path / "e")
    for other in (None, "s3://other/e"):
        (tmp_path / "e" / "manifest.json").write_text(json.dumps({**read, "store": other}))
        with pytest.raises(SearchError, match="holds another experiment"):
            newest(tmp_path / "e", store)
    (tmp_path / "e" / "manifest.json").write_text(json.dumps(manifest(store, "wednesday")))
    with pytest.raises(SearchError, match="were each continued without the other"):
        newest(tmp_path / "e", store)


def test_a_second_driver_of_a_store_is_refused_until_the_first_ends(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "one" / "e", store)
    with pytest.raises(SearchError, match=r"another search is writing to s3://bucket/results/e \(process \d+ on"):
        Experiment.reopen(tmp_path / "two" / "e", SPACE, manifest(store, "monday"), store, fetch=True)
    experiment.close()
    Experiment.reopen(tmp_path / "two" / "e", SPACE, manifest(store, "monday"), store, fetch=True).close()


def test_the_marker_of_a_driver_that_died_here_is_passed_over(store: Store) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    store.write(MARKER, json.dumps({"host": socket.gethostname(), "pid": dead.pid, "begun": 0.0, "id": "x"}).encode())
    Claim.take(store).release()
    store.write(MARKER, json.dumps({"host": "elsewhere", "pid": 1, "begun": 0.0, "id": "x"}).encode())
    with pytest.raises(SearchError, match="process 1 on elsewhere"):
        Claim.take(store)


def test_a_driver_whose_store_was_taken_over_ends(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.experiment.remote.claim.RENEW_EVERY_S", 0.05)
    experiment = begin(tmp_path / "e", store)
    other = json.dumps({"host": "elsewhere", "pid": 1, "id": "x"}).encode()

    def taken() -> bool:
        store.write(MARKER, other)  # Again and again, as the other driver renews it.
        return experiment.copy is not None and experiment.copy.taken_by is not None

    wait_for(taken)
    with pytest.raises(StorageLost, match="another search writes to s3://bucket/results/e now"):
        experiment.append([row(0)])
    experiment.close()
    assert MARKER in store.list(), "it is the other's"


def test_a_store_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SearchError, match="there is no bucket 'nothing'"):
        s3.store("nothing/results").check()
    with pytest.raises(SearchError, match=r"s3://bucket/x does not answer \(Could not connect to server\)"):
        parse_store("s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http").check()
    with pytest.raises(SearchError, match="names no bucket"):
        parse_store("s3:///results")
    with pytest.raises(SearchError, match="unknown option 'nonsense'"):
        parse_store("s3://bucket/x?nonsense=1").check()
    with pytest.raises(SearchError, match="holds a user or a key"):
        parse_store("s3://user:secret@bucket/x")
    with pytest.raises(SearchError, match="is not an address of results"):
        parse_store("nonsense://bucket/x").check()
    with pytest.raises(SearchError, match="nothing/e cannot be written"):
        begin(tmp_path / "e", s3.store("nothing/e"))
    assert not (tmp_path / "e" / "manifest.json").exists()


def test_a_store_that_refuses_the_credentials_is_told_in_one_line(store: Store, s3: S3Server) -> None:
    s3.require_credentials(True)
    try:
        with pytest.raises(SearchError, match="check bucket, network and credentials") as caught:
            Claim.take(store)
        assert "\n" not in str(caught.value)
    finally:
        s3.require_credentials(False)


def test_a_name_in_a_store_that_leads_out_of_the_folder_is_not_fetched(tmp_path: Path, store: Store) -> None:
    begin(tmp_path / "e", store).close()
    store.write("trials/../../../escaped.parquet", b"x")
    shutil.rmtree(tmp_path / "e")
    Experiment.reopen(tmp_path / "a/b/e", SPACE, manifest(store, "monday", "tuesday"), store, fetch=True).close()
    assert not list(tmp_path.rglob("escaped*"))


def test_a_damaged_manifest_in_a_store_hides_no_other_experiment(tmp_path: Path, store: Store, s3: S3Server) -> None:
    begin(tmp_path / "e", store).close()
    results = s3.store("bucket/results")
    results.child("torn").write("manifest.json", b"{")
    found = experiments_in(results)
    assert found["e"] == manifest(store, "monday")
    assert "torn/manifest.json cannot be read" in str(found["torn"])
    file = io.StringIO()
    print_experiments(Console(screen=rich.console.Console(file=file, width=400)), results)
    assert [line.split()[0] for line in file.getvalue().splitlines()] == ["name", "e", "torn"]


def test_a_local_path_is_no_store(tmp_path: Path) -> None:
    assert parse_results_path(str(tmp_path)) == tmp_path
    assert parse_results_path(f"file://{tmp_path}") == tmp_path
    assert parse_results_path((tmp_path / "a b#1?").as_uri()) == tmp_path / "a b#1?"
    assert parse_results_path("s3://bucket/a/") == Store("s3", "bucket/a")
    assert parse_results_path("s3://bucket/a#1?region=x") == Store("s3", "bucket/a#1", "region=x")
    assert str(parse_store("s3://bucket/a?region=x").child("e")) == "s3://bucket/a/e?region=x"
