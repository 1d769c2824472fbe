"""Searches whose results are in an object store, on a real S3 server: the command line from its refusals to its end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from search.experiment import read_manifest, read_trials
from search.experiment.claim import MARKER
from search.run import main
from tests.crashes import ROOT, Driver, check_whole
from tests.s3_server import S3Server

SPACE = str(ROOT / "spaces/branin.py")


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


@pytest.mark.slow
def test_a_search_whose_machine_is_lost_goes_on_from_the_store_on_another(
    s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the middle, and the folder with the study gone: the same command with --resume goes on."""
    store = s3.store("bucket/results/branin")

    def driver(*words: str) -> Driver:
        return Driver(
            Path("results"), "--max-concurrent", "2", *words, "--results", s3.address(), space=SPACE, folder=tmp_path
        )

    def stored() -> int:
        table = read_trials(store.path, store.files).table
        return table["state"].to_pylist().count("complete") if len(table) else 0

    first = driver("--trials", "2000", "--set", "epochs=2", "--set", "sleep_s=0.02")
    first.wait_for(lambda: stored() >= 3)
    assert MARKER in store.list()
    first.kill()
    lost = stored()
    shutil.rmtree(tmp_path / "results")
    again = driver("--trials", str(lost + 3), "--set", "epochs=2", "--set", "sleep_s=0.02", "--resume")
    assert again.finish() == 0, again.output
    check_whole(tmp_path / "results/branin", trials=lost + 3, epochs=2, cut_off=2, gaps=2)
    assert set(store.list()) == {"manifest.json", "space.py", "trials.parquet", "epochs.parquet"}
    assert stored() == lost + 3
    assert [session["end"] for session in read_manifest(tmp_path / "results/branin")["sessions"]] == [
        "running",
        "finished",
    ]
    assert f"python -m analysis.compare '{s3.address('bucket/results/branin')}'" in again.output
    assert main(["--list", "--results", s3.address()]) == 0
    assert f"branin  finished  {lost + 3}" in capsys.readouterr().out
