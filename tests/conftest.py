"""Fixtures that several files of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.experiment.remote.store import Store
from tests.support.s3_server import S3Server

# Ray gives its workers a low priority, nice 15: beside other tests they would get what those leave of the cores.
os.environ.setdefault("RAY_worker_niceness", "0")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, an empty cache of Keras, and no way into the network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server, started by the first test that asks for it."""
    started = S3Server()
    yield started
    started.stop()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with an empty bucket, and credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    s3_server.clear()
    return s3_server


@pytest.fixture
def store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The place of an experiment in it, which its driver looks after many times a second."""
    monkeypatch.setattr("search.experiment.remote.mirror.LOOK_EVERY_S", 0.05)
    return s3.store("bucket/results/e")
