"""Results in an object store, read from a real S3 server on this machine."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path

import pyarrow.fs
import pytest

from analysis.command import run
from analysis.compare import compare
from analysis.load import load
from analysis.report.live import standing
from analysis.report.live.folder import WatchedFolder
from search.errors import SearchError
from search.experiment.remote.claim import MARKER, Claim
from tests.support.analysis_world import searched, write
from tests.support.s3_server import S3Server


def test_an_experiment_in_a_bucket_reads_as_it_does_from_the_disk(s3: S3Server, tmp_path: Path) -> None:
    root = write(tmp_path / "e", searched(12))
    local = pyarrow.fs.LocalFileSystem()
    pyarrow.fs.copy_files(str(root), "bucket/results/e", source_filesystem=local, destination_filesystem=s3.files())
    there, here = load(s3.address("bucket/results/e")), load(str(root))
    assert there.trials.equals(here.trials)
    assert len(there.epochs) == len(here.epochs) > 0
    assert there.skipped == ()
    shutil.rmtree(root)
    with pytest.raises(SearchError, match="nothing"):
        load(s3.address("bucket/results/nothing"))


def test_a_search_in_a_bucket_runs_as_long_as_its_driver_renews_its_marker(s3: S3Server, tmp_path: Path) -> None:
    root = write(tmp_path / "e", searched(12), state="running")
    local = pyarrow.fs.LocalFileSystem()
    pyarrow.fs.copy_files(str(root), "bucket/results/e", source_filesystem=local, destination_filesystem=s3.files())
    (source,) = load(s3.address("bucket/results/e")).sources
    claim = Claim.take(s3.store("bucket/results/e"))
    assert standing.state(source, now_s=0) == "running"
    killed = json.dumps({"host": socket.gethostname(), "pid": 1, "begun": 0.0, "id": "x"})  # Its process is gone.
    s3.store("bucket/results/e").write(MARKER, killed.encode())
    assert standing.state(source, now_s=9) == "running", "It is not asked again so soon."
    assert standing.state(source, now_s=11) == "cut off"
    claim.release()
    watched = WatchedFolder([s3.address("bucket/results/e")]).read()
    assert watched.written_at is not None
    assert abs(watched.written_at - time.time()) < 60


def test_a_store_that_does_not_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    address = "s3://bucket/results/e?endpoint_override=127.0.0.1:9&scheme=http"
    assert run(compare, [address]) == 2
    assert "cannot be read (Could not connect to server)" in capsys.readouterr().err
