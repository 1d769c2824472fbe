"""Results in an object store, read from a real S3 server on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs
import pytest

from analysis.load import load
from search.errors import SearchError
from tests.analysis_world import searched, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    server.kill()
    server.wait()


def test_an_experiment_in_a_bucket_reads_as_it_does_from_the_disk(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    root = write(tmp_path / "e", searched(12))
    store = pyarrow.fs.S3FileSystem(
        endpoint_override=endpoint, scheme="http", region="us-east-1", allow_bucket_creation=True
    )
    store.create_dir("bucket/results")
    local = pyarrow.fs.LocalFileSystem()
    pyarrow.fs.copy_files(str(root), "bucket/results/e", source_filesystem=local, destination_filesystem=store)
    query = f"?endpoint_override={endpoint}&scheme=http&region=us-east-1"
    there, here = load(f"s3://bucket/results/e{query}"), load(str(root))
    assert there.trials.equals(here.trials)
    assert len(there.epochs) == len(here.epochs) > 0
    assert there.skipped == ()
    shutil.rmtree(root)
    with pytest.raises(SearchError, match="nothing"):
        load(f"s3://bucket/results/nothing{query}")
