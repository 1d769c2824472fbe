"""The benchmark of overhead compares what it says that it compares, and really runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.fidelity import configurations, search
from benchmarks.measuring.command import ROOT, Run, run
from benchmarks.measuring.contestants import CONTESTANTS
from benchmarks.measuring.where import trial_times, where
from benchmarks.objectives import PROBLEMS, hypervolume, share_found
from benchmarks.overhead import main, spread
from benchmarks.peers import digits
from benchmarks.peers.record import Record, read
from benchmarks.spaces.digits_cnn import space
from benchmarks.start import __main__ as start
from benchmarks.start.stations import NOTING, STATIONS, is_marked, read_notes
from search.experiment.folder import Experiment
from search.space import Choice, Float
from search.stopping import make_rule
from tests.support.processes import wait_until
from tests.support.small_data import digits as digits_data


def test_peers_search_the_space_of_ours() -> None:
    ours = {
        "filters": Choice(*digits.FILTERS),
        "dropout": Float(*digits.DROPOUT),
        "learning_rate": Float(*digits.LEARNING_RATE, log=True),
    }
    assert space.parameters == ours
    assert (space.fixed["epochs"], space.fixed["batch_size"]) == (digits.EPOCHS, digits.BATCH_SIZE)
    assert space.stopping == "none"


def test_peers_train_the_network_of_ours() -> None:
    from trainables.engines.runtime import configure

    configure(cpus=1)
    from trainables.networks.build import build_model
    from trainables.settings.image import ImageSettings

    def layers(model: object) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Activations are layers of their own in one spelling and arguments in the other."""
        for layer in model.layers:  # type: ignore[attr-defined]
            if type(layer).__name__ not in ("InputLayer", "ReLU"):
                yield type(layer).__name__, tuple(layer.output.shape)

    config = {"filters": 16, "dropout": 0.3, "learning_rate": 1e-3}
    ours = build_model(ImageSettings.of({**space.fixed, **config}), (8, 8, 1), 10)
    theirs = digits.build_model(**config)  # type: ignore[arg-type]
    assert list(layers(ours)) == list(layers(theirs))
    assert ours.count_params() == theirs.count_params()


def test_warm_time_leaves_the_first_half_out() -> None:
    slow_start = Record([10.0, 12.0, 13.0, 14.0], [0.1, 0.9, 0.3, 0.2])
    one = Run(trials=4, began_at=0.0, seconds=16.0, record=slow_start)
    assert (one.warm, one.per_trial, one.best) == (1.0, 4.0, 0.9)


def test_records_of_two_processes_are_merged_by_time(tmp_path: Path) -> None:
    Record([1.0, 4.0], [0.1, 0.4]).write(tmp_path / "0.json")
    Record([2.0], [0.2]).write(tmp_path / "1.json")
    merged = read([tmp_path / "0.json", tmp_path / "1.json"])
    assert (merged.finished_at, merged.values) == ([1.0, 2.0, 4.0], [0.1, 0.2, 0.4])


def test_spread_tells_the_range_of_repetitions() -> None:
    assert spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0 to 3.0)"
    assert spread([3.0], 1) == "3.0"


def test_a_contestant_that_fails_ends_the_benchmark_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--trials: invalid int value"):
        run(CONTESTANTS["bare-keras"], "three", tmp_path)  # type: ignore[arg-type]


def world() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Two trials of two seconds on one worker, three seconds apart."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    trials, epochs = [], []
    for number, (begun, seconds) in enumerate([(0, (1.0, 0.5)), (5, (0.5, 0.5))]):
        times = {"started_at": start + timedelta(seconds=begun), "finished_at": start + timedelta(seconds=begun + 2)}
        spent = {"train_seconds": 2.0, "wait_seconds": 0.25, "worker": "node:1"}
        trials.append({"trial_id": f"{number:05d}", "number": number, "state": "complete", **times, **spent})
        epochs += [
            {"trial_id": f"{number:05d}", "epoch": epoch, "seconds": second} for epoch, second in enumerate(seconds, 1)
        ]
    return trials, epochs


def test_breakdown_adds_up_to_the_trials_own_time(tmp_path: Path) -> None:
    experiment = Experiment.create(tmp_path / "ours", space, "", {})
    experiment.append(*world())
    experiment.close()
    times = trial_times(tmp_path / "ours")
    assert times["inside"].tolist() == [1.5, 1.0]
    assert times["outside"].tolist() == [0.5, 1.0]
    assert times["gap"].tolist()[1] == 3.0
    one = Run(2, times["started_at"].min() - 2.0, 20.0, Record())
    assert "command to first proposal (imports, plan, Ray): 1.75 s" in where(tmp_path / "ours", one)


@pytest.mark.slow
def test_ours_and_a_peer_run_and_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "table.md"
    main(["--only", "ours", "bare-keras", "--trials", "3", "--many", "0", "--where", "--output", str(output)])
    printed = output.read_text()
    assert printed.strip() in capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")][2:]
    assert [row[1] for row in rows] == ["3", "3"]
    assert all(0.2 < float(row[5]) <= 1 for row in rows), "something was learnt"
    assert "last trial to end of command" in printed


def test_stations_are_where_they_are_noted() -> None:
    """Every function that is to note its return is there, and does in a process that begins with the noting."""
    script = """if True:
        import functools, importlib, sitecustomize
        for name, (path, _) in sitecustomize.CALLS.items():
            if not name.startswith("keras"):
                assert functools.reduce(getattr, path.split("."), importlib.import_module(name)).__wrapped__, name
    """
    environment = {**os.environ, "STATIONS_FILE": os.devnull, "PYTHONPATH": os.pathsep.join([str(NOTING), str(ROOT)])}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, check=True)


def test_a_station_is_passed_first_by_whoever_passes_it_first_and_data_are_opened_where_they_are_trained_on(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "stations"
    lines = ["1.0\t7\tplan ready", "2.0\t7\tdata open", "5.0\t8\tdata open", "4.0\t9\tdata open"]
    notes.write_text("\n".join([*lines, "9.0\t7\tfirst epoch", "9.5\t7\tfirst epoch"]))
    assert read_notes(notes) == {"plan ready": 1.0, "data open": 4.0, "first epoch": 9.0}


def test_a_process_that_a_command_left_behind_is_known_by_its_environment(tmp_path: Path) -> None:
    name, value = "STATIONS_FILE", str(tmp_path / "stations")
    mark = f"{name}={value}".encode()
    left = subprocess.Popen(["sleep", "60"], env={**os.environ, name: value})
    try:
        wait_until(lambda: is_marked(mark))  # A process shows its environment a moment after it has begun.
    finally:
        left.kill()
        left.wait()
    assert not is_marked(mark)


def test_table_of_stations_has_medians_and_leaves_out_what_a_peer_does_not_have() -> None:
    ours = [{"plan ready": at, "first epoch": at + 3, "prompt back": at + 5} for at in (1.0, 3.0, 2.0)]
    lines = start.table({"ours": ours, "optuna": [{"first epoch": 6.0, "prompt back": 8.0}]}).splitlines()
    assert lines[2:] == [
        "| plan ready | 2.0 (1.0 to 3.0) | – |",
        "| first epoch | 5.0 (4.0 to 6.0) | 6.0 |",
        "| prompt back | 7.0 (6.0 to 8.0) | 8.0 |",
    ]


@pytest.mark.slow
def test_stations_of_a_peer_are_measured_and_drawn(tmp_path: Path) -> None:
    words = ["--only", "bare-keras", "--trials", "1", "--rounds", "1", "--output", str(tmp_path / "start.md")]
    start.main([*words, "--picture", str(tmp_path / "start.png")])
    rows = [line.strip("| ").split(" | ") for line in (tmp_path / "start.md").read_text().splitlines()[4:]]
    seconds = {station: float(value) for station, value in rows}
    assert list(seconds) == [s for s in STATIONS if s in seconds]
    assert 0 < seconds["TensorFlow imported"] <= seconds["first epoch"] <= seconds["last trial ended"]
    assert seconds["last trial ended"] <= seconds["prompt back"] <= seconds["last process gone"]
    assert (tmp_path / "start.png").read_bytes().startswith(b"\x89PNG")


RULES: list[tuple[str, dict[str, float | str]]] = [("none", {}), ("asha", {}), ("asha", {"fidelity": "both"})]


def test_fidelity_benchmark_counts_every_image_and_tests_only_complete_trials() -> None:
    configs = [{**config, "epochs": 4} for config in configurations(0, 4)]
    none, epochs, both = (
        search(digits_data(), configs, make_rule(rule, "max", options, 4), seed=0) for rule, options in RULES
    )
    assert none.passes == 4 * 4 * 200
    assert none.complete == 4
    assert both.complete >= 1  # The rule spares the first.
    assert (both.passes - 4 * 64) % 200 == 0  # Before the first rung a batch, which is more than a quarter; then all.
    assert all(0 < spent.test <= 1 for spent in (none, epochs, both))


def test_share_of_a_front_is_one_for_all_of_it_and_grows_with_what_is_found() -> None:
    problem = PROBLEMS["zdt1"]
    whole = hypervolume(list(problem.front), problem.reference)
    assert hypervolume([(0.0, 1.0), (0.25, 0.5)], (1.0, 2.0)) == pytest.approx(1.0 * 1.0 + 0.75 * 0.5)
    assert whole == pytest.approx(1.1 * 6.0 - 1 / 3, abs=0.01)
    shares = [share_found(problem, "random", seed=0, trials=trials, at_once=2) for trials in (5, 40)]
    assert 0 < shares[0] < shares[1] < 1
