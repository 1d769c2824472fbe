"""Results in an object store, read from a real S3 server on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.fs
import pytest

from analysis.command import run
from analysis.compare import compare
from analysis.load import load
from search.errors import SearchError
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


def test_a_store_that_does_not_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    address = "s3://bucket/results/e?endpoint_override=127.0.0.1:9&scheme=http"
    assert run(compare, [address]) == 2
    assert "cannot be read (Could not connect to server)" in capsys.readouterr().err
