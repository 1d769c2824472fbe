"""The comparison at equal wall clock: what is counted of a search, and that all systems train the same network."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainables.engines.runtime import configure

configure(cpus=1)

from benchmarks.real import problem  # noqa: E402
from benchmarks.real.__main__ import main  # noqa: E402
from benchmarks.real.figure import draw  # noqa: E402
from benchmarks.real.results import Run, append, read, table  # noqa: E402
from benchmarks.real.systems import SYSTEMS, Epoch, System, epochs_of_ours  # noqa: E402
from benchmarks.real.timed import SearchEndedEarly, improvements, timed  # noqa: E402
from benchmarks.spaces import real_digits  # noqa: E402
from search.experiment.folder import Experiment  # noqa: E402
from tests.support.processes import is_gone  # noqa: E402
from trainables.networks.build import build_model  # noqa: E402
from trainables.settings.image import ImageSettings, of_training  # noqa: E402

WITHOUT_EFFECT = ("InputLayer", "ReLU")


@pytest.mark.parametrize(("name", "side"), [("digits", 8), ("mnist", 28)])
def test_all_systems_train_the_same_network(name: str, side: int) -> None:
    config = {"filters": 8, "kernel_size": 3, "dropout": 0.3, "head_dropout": 0.2, "learning_rate": 1e-3}
    fixed = problem.PROBLEMS[name].space.fixed
    settings = ImageSettings.of(
        {**of_training(fixed), "network": "two_conv", "batch_norm": fixed["batch_norm"], **config}
    )
    ours = build_model(settings, (side, side, 1), 10)
    theirs = problem.build_model(problem.PROBLEMS[name], (side, side, 1), **config)  # type: ignore[arg-type]
    shapes = [
        [
            (type(layer).__name__, layer.output.shape)
            for layer in model.layers
            if type(layer).__name__ not in WITHOUT_EFFECT
        ]
        for model in (ours, theirs)
    ]
    assert shapes[0] == shapes[1]
    assert ours.count_params() == theirs.count_params()


def test_peers_get_the_rows_that_this_system_divides_by_the_same_seed() -> None:
    digits = problem.PROBLEMS["digits"]
    (images, labels), (others, _) = problem.load_arrays(digits, seed=1)
    assert images.shape == (len(labels), 8, 8, 1)
    assert (len(images), len(others)) == (898, 719)
    assert (problem.load_arrays(digits, seed=2)[0][0] != images).any()


def test_an_epoch_counts_when_it_is_better_than_all_that_ended_before_it() -> None:
    epochs = [Epoch(13.0, 0.8), Epoch(11.0, 0.5), Epoch(12.0, 0.4), Epoch(14.0, 0.8)]
    assert improvements(epochs, began=10.0) == [(1.0, 0.5), (3.0, 0.8)]


def test_a_trials_waits_are_spread_over_its_epochs(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    experiment = Experiment.create(tmp_path / "ours", real_digits.space, "", {})
    ended = {"state": "complete", "started_at": start, "finished_at": start + timedelta(seconds=8)}
    rows = [{"trial_id": "00000", "epoch": i, "seconds": i, "val_accuracy": i / 10} for i in (1, 2, 1 + 2)]
    experiment.append([{"trial_id": "00000", "number": 0, **ended}], rows)
    experiment.close()
    assert [(epoch.at - start.timestamp(), epoch.value) for epoch in epochs_of_ours(tmp_path)] == [
        (pytest.approx(8 / 6), 0.1),
        (4.0, 0.2),
        (8.0, 0.3),
    ]


_SEARCH = """
import json, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1], "child").write_text(str(child.pid))
lines = [json.dumps({"at": time.time(), "trial": "0", "epoch": i, "value": i / 4}) for i in (1, 3)]
Path(sys.argv[1], "events.jsonl").write_text("\\n".join(lines) + "\\nbroken o")
time.sleep(600)
"""


def test_a_search_is_ended_after_its_seconds_with_all_that_it_has_started(tmp_path: Path) -> None:
    seen: list[int] = []

    def note_the_child(folder: Path) -> list[Epoch]:
        seen.append(int((folder / "child").read_text()))
        return SYSTEMS["Optuna TPE + Hyperband"].read(folder)

    search = System(lambda name, seed, folder: [[sys.executable, "-c", _SEARCH, str(folder)]], note_the_child)
    found = timed(search, "digits", 0, seconds=5.0)
    assert found["epochs"] == 2
    assert [value for _, value in found["curve"]] == [0.25, 0.75]
    assert is_gone(seen[0])


def test_a_search_that_ends_by_itself_is_told_with_its_output() -> None:
    broken = System(lambda *_: [[sys.executable, "-c", "raise SystemExit('no such data')"]], lambda _: [])
    with pytest.raises(SearchEndedEarly, match="no such data"):
        timed(broken, "digits", 0, seconds=60.0)


def test_a_search_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = System(lambda *_: [[sys.executable, "-c", "raise SystemExit('no such data')"]], lambda _: [])
    monkeypatch.setitem(SYSTEMS, "this system", broken)
    monkeypatch.setattr("benchmarks.real.__main__.on_two_cores", lambda: None)
    append(tmp_path / "runs", RUNS[0])
    with pytest.raises(SystemExit, match="1 of the searches"):
        main(["--store", str(tmp_path / "runs"), "--problems", "digits", "--systems", "this system", "--seeds", "2"])
    printed = capsys.readouterr().out
    assert "digits, seed 1, this system: " in printed
    assert "no such data" in printed


RUNS = [
    Run("digits", "this system", 0, 35.0, [(5.0, 0.9), (20.0, 0.98)], 100),
    Run("digits", "this system", 1, 35.0, [(6.0, 0.9), (30.0, 0.99)], 300),
    Run("digits", "Ray ASHA + OptunaSearch", 0, 35.0, [(9.0, 0.975)], 10),
]


def test_the_table_tells_medians_and_how_many_searches_came_to_an_accuracy() -> None:
    lines = table(RUNS).splitlines()
    assert lines[2].startswith("| this system | 0.9000 (0.9000 to 0.9000) | 0.9850 (0.9800 to 0.9900) | 25.0 | 25.0 |")
    assert "| never (1 of 2) | 200 | 2 |" in lines[2]
    assert "| 0.9750 | 0.9750 | 9.0 | never (0 of 1) |" in lines[3]


def test_a_store_is_read_back_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run in RUNS:
        append(tmp_path / "runs", run)
    assert read(tmp_path / "runs") == RUNS
    main(["--store", str(tmp_path / "runs"), "--only-table", "--figure", str(tmp_path / "figure.png")])
    assert "this system" in capsys.readouterr().out
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    draw(RUNS[:1], tmp_path / "one.png")
