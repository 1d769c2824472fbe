"""Results in an object store, read from a real S3 server on this machine."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.fs
import pytest

from analysis.command import run
from analysis.compare import compare
from analysis.export import export
from analysis.figures.__main__ import figures
from analysis.load import load
from analysis.report.__main__ import report
from analysis.report.live import standing
from analysis.report.live.folder import WatchedFolder
from search.errors import SearchError
from search.experiment.remote.claim import MARKER, Claim
from tests.support.analysis_world import searched, write
from tests.support.s3_server import S3Server

Command = Callable[[list[str] | None], None]


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


def test_every_command_takes_an_experiment_in_a_bucket(
    s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "e", searched(12))
    local, address = pyarrow.fs.LocalFileSystem(), s3.address("bucket/results/e")
    pyarrow.fs.copy_files(str(root), "bucket/results/e", source_filesystem=local, destination_filesystem=s3.files())
    for command, words in ((figures, []), (report, []), (export, ["--to", "tensorboard"])):
        assert run(command, [address, *words]) == 2
        assert "s3://bucket/results/e is not a local folder; expected --output " in capsys.readouterr().err
    out = tmp_path / "out"
    assert run(export, [address, "--to", "tensorboard", "--output", str(out)]) == 0
    assert capsys.readouterr().out == f"12 trials of s3://bucket/results/e in {out / 'e'}\n"
    here = tmp_path / "here"
    assert run(export, [root.as_uri(), "--to", "tensorboard", "--output", str(here)]) == 0
    capsys.readouterr()
    assert sorted(path.name for path in (out / "e").iterdir()) == sorted(path.name for path in (here / "e").iterdir())
    assert run(report, [address, "--output", str(tmp_path / "far.html")]) == 0
    assert run(compare, [s3.address("bucket/results")]) == 0  # A folder of experiments is listed, as on the disk.
    assert "s3://bucket/results/e" in capsys.readouterr().out
    assert run(figures, [s3.address("bucket/results")]) == 2
    assert "is a folder of 1 experiment; expected one of them: e." in capsys.readouterr().err


def test_a_search_in_a_bucket_that_runs_is_not_exported(
    s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "e", searched(12), state="running")
    local, address = pyarrow.fs.LocalFileSystem(), s3.address("bucket/results/e")
    pyarrow.fs.copy_files(str(root), "bucket/results/e", source_filesystem=local, destination_filesystem=s3.files())
    claim = Claim.take(s3.store("bucket/results/e"))
    assert run(export, [address, "--to", "tensorboard", "--output", str(tmp_path / "out")]) == 2
    claim.release()
    assert "s3://bucket/results/e is being searched" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [compare, figures, report, export])
def test_a_store_that_does_not_answer_is_one_line(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    address = "s3://bucket/results/e?endpoint_override=127.0.0.1:9&scheme=http"
    assert run(command, [address, *(["--to", "tensorboard"] if command is export else [])]) == 2
    assert "cannot be read (Could not connect to server)" in capsys.readouterr().err
