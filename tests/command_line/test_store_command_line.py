"""Searches whose results are in an object store, S3's or Google's: the command line from its refusals to its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.experiment.manifest import read_manifest
from search.experiment.parts import MERGE_AT
from search.experiment.remote.claim import MARKER
from search.experiment.schema import read_trials
from search.run import main
from tests.support.crashes import ROOT, Driver, check_whole
from tests.support.google_server import GoogleServer
from tests.support.s3_server import S3Server

SPACE = str(ROOT / "spaces/branin.py")
MERGED = MERGE_AT + 8
"""Trials after which parts have been merged."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a command that is refused."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_store_that_cannot_be_used_is_refused_before_training(
    s3: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no bucket 'nothing'" in refused(capsys, SPACE, "--results", s3.address("nothing/results"))
    dead = "s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http"
    for what in (SPACE, "--list", f"{SPACE} --dry-run", f"{SPACE} --resume"):
        assert "s3://bucket/x does not answer" in refused(capsys, *what.split(), "--results", dead)
    assert "put credentials into the environment" in refused(capsys, SPACE, "--results", "s3://me:secret@bucket/x")
    s3.require_credentials(True)
    try:
        words = ("--results", s3.address(), "--trials", "2", "--quiet")
        assert "network and credentials" in refused(capsys, SPACE, *words)
    finally:
        s3.require_credentials(False)
    assert not Path("results/branin/manifest.json").exists()


def test_an_experiment_that_is_not_in_the_store_cannot_be_resumed(
    s3: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.store("bucket/results/branin").write("manifest.json", b"{}")
    line = refused(capsys, SPACE, "--resume", "--name", "brann", "--results", s3.address())
    assert line == "no experiment 'brann' in s3://bucket/results to resume. Did you mean branin?\n"
    assert "s3://bucket/results/branin holds an experiment already" in refused(capsys, SPACE, "--results", s3.address())


def test_a_dry_run_tells_where_results_go_and_writes_nothing(s3: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([SPACE, "--dry-run", "--results", s3.address()]) == 0
    assert f"{s3.address('bucket/results/branin')}; the study and the driver's own copy in results/branin" in (
        capsys.readouterr().out
    )
    assert s3.store().list() == {}
    assert not Path("results").exists()


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    """A server of Google Cloud Storage, and its credentials in the environment."""
    server = GoogleServer(tmp_path)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(server.credentials))
    yield server
    server.stop()


def test_folders_of_google_s_store_are_seen_though_they_are_no_objects(google: GoogleServer) -> None:
    store = google.store()
    store.check()
    for name in ("one/manifest.json", "one/trials/part.parquet", "two/manifest.json", "notes"):
        store.write(name, name.encode())
    assert set(store.list()) == {"one/manifest.json", "one/trials/part.parquet", "two/manifest.json", "notes"}
    kinds = {name: info.type.name for name, info in store.list(recursive=False).items()}
    assert kinds == {"one": "Directory", "two": "Directory", "notes": "File"}
    assert set(store.list("one", recursive=False)) == {"one/manifest.json", "one/trials"}
    store.remove("one")
    assert set(store.list()) == {"two/manifest.json", "notes"}
    assert store.read("notes") == b"notes"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "google"])
def test_a_search_whose_machine_is_lost_goes_on_from_the_store_on_another(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the middle, and the folder with the study gone: the same command with --resume goes on.

    The driver has merged parts by then of which the store had got some before.
    """
    server: S3Server | GoogleServer = request.getfixturevalue(kind)
    store = server.store("bucket/results/branin")
    settings = ("--set", "epochs=2", "--set", "sleep_s=0.02", "--sampler", "random", "--max-concurrent", "2")

    def driver(*words: str) -> Driver:
        return Driver(Path("results"), *settings, *words, "--results", server.address(), space=SPACE, folder=tmp_path)

    def stored() -> int:
        table = read_trials(store.path, store.files).table
        return table["state"].to_pylist().count("complete") if len(table) else 0

    first = driver("--trials", "2000")
    first.wait_for(lambda: stored() >= MERGED, poll_s=0.5)
    assert MARKER in store.list()
    first.kill()
    lost = stored()
    shutil.rmtree(tmp_path / "results")
    again = driver("--trials", str(lost + MERGED), "--resume")
    assert again.finish() == 0, again.output
    trials = lost + MERGED
    check_whole(tmp_path / "results/branin", trials, epochs=2, cut_off=2, gaps=MERGE_AT)
    assert set(store.list()) == {"manifest.json", "space.py", "trials.parquet", "epochs.parquet"}
    assert stored() == trials
    ends = [session["end"] for session in read_manifest(tmp_path / "results/branin")["sessions"]]
    assert ends == ["running", "finished"]
    assert f"python -m analysis.compare '{server.address('bucket/results/branin')}'" in again.output
    assert main(["--list", "--results", server.address()]) == 0
    assert f"branin  finished  {trials}" in capsys.readouterr().out
