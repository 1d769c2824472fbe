"""What a dry run says of time: what an earlier search of the same space has measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from search.experiment.folder import Experiment
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import main
from search.screen.dry_run import NOT_MEASURED
from search.screen.measured import measured

SPACE = """
from search.space import Float, Space
from benchmarks.spaces.nothing import train

space = Space(train, {"x": Float(0, 1)}, fixed={"epochs": 9, "width": 8}, metric="value", mode="min", trials=20)
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("given.py").write_text(SPACE)


def planned(line: str = "") -> Plan:
    words = ("given.py", *line.split())
    return make_plan(parse(words), words, warn=lambda text: None)


def searched(line: str) -> None:
    """An experiment with two trials that have ended: ten epochs in twenty seconds."""
    plan = planned(line)
    experiment = Experiment.create(plan.root, plan.space, Path("given.py").read_text(), make_manifest(plan))
    rows = [
        {"trial_id": f"{i:05d}", "number": i, "state": state, "epochs": epochs, "started_at": START, "finished_at": at}
        for i, (state, epochs, at) in enumerate(
            [
                ("complete", 9, START + timedelta(seconds=18)),
                ("pruned", 1, START + timedelta(seconds=2)),
                ("running", None, None),
            ]
        )
    ]
    experiment.append(rows, [])
    experiment.close()


def told(capsys: pytest.CaptureFixture[str], line: str = "") -> str:
    assert main(["given.py", "--dry-run", "--max-concurrent", "1", *line.split()]) == 0
    (time,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("time:")]
    return time.removeprefix("time:").strip()


def test_without_an_earlier_search_it_says_what_would_measure_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == NOT_MEASURED


def test_time_is_that_of_the_expected_epochs_as_measured(capsys: pytest.CaptureFixture[str]) -> None:
    searched("--name before")
    every = "--stopping none --trials 4"
    assert told(capsys, every) == "about 1 min 12 s, at 2 s an epoch as in 2 trials of results/before"


@pytest.mark.parametrize(
    ("line", "epochs", "time"),
    [
        (
            "--trials 4 --repeats 3",
            "4 trials reach epoch 9; 108 epochs in all, up to 72 of them of repeats",
            "3 min 36 s",
        ),
        (
            "--trials 9 --repeats 2",
            "9 trials reach epoch 9; 117 epochs in all, up to 36 of them of repeats",
            "3 min 54 s",
        ),
        ("--trials 1", "1 trial reaches epoch 9; 9 epochs in all", "18 s"),
    ],
)
def test_repeats_of_the_leading_configurations_are_expected_too(
    line: str, epochs: str, time: str, capsys: pytest.CaptureFixture[str]
) -> None:
    searched("--name before")
    assert main(["given.py", "--dry-run", "--max-concurrent", "1", "--stopping", "none", *line.split()]) == 0
    said = capsys.readouterr().out
    assert f" about {epochs}\n" in said
    assert f" about {time}, at 2 s an epoch" in said


def test_more_epochs_are_measured_by_fewer_and_another_width_by_none() -> None:
    searched("--name before")
    found = measured(planned("--set epochs=27"))
    assert found is not None
    assert found.seconds == 2
    assert measured(planned("--set width=16")) is None


def test_another_machine_is_told_and_where_workers_are_unknown_their_seconds_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched("--name before")
    monkeypatch.setattr("search.screen.measured.hardware", lambda: {"hostname": "other"})
    found = measured(planned())
    assert found is not None
    words = found.describe(40, None)
    assert words == "1 min 20 s of one worker, at 2 s an epoch as in 2 trials of results/before on another machine"


def test_a_damaged_experiment_is_passed_over() -> None:
    searched("--name before")
    Path("results/damaged").mkdir()
    Path("results/damaged/manifest.json").write_text("{}")
    found = measured(planned())
    assert found is not None
    assert found.experiment == Path("results/before")
