"""The experiment folder: whole files at any instant, the latest row for each key, one driver at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pyarrow.parquet as pq
import pytest

from search.errors import SearchError
from search.experiment import lock
from search.experiment.existing import existing, find_experiments
from search.experiment.folder import Experiment
from search.experiment.lock import is_held
from search.experiment.manifest import read_manifest
from search.experiment.parts import MERGE_AT
from search.experiment.schema import read_epochs, read_trials
from tests.support.small_experiment import SPACE, row


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    opened = Experiment.create(tmp_path / "e", SPACE, "space = None\n", {"name": "e"})
    yield opened
    opened.close()


def test_the_later_row_of_a_trial_holds(experiment: Experiment) -> None:
    experiment.append([row(0, "running"), row(1, "running")])
    experiment.append([row(0, "complete", value=1.5)])
    states = dict(zip(*(read_trials(experiment.root).table[c].to_pylist() for c in ("trial_id", "state")), strict=True))
    assert states == {"00000": "complete", "00001": "running"}


def test_an_epoch_that_is_reported_twice_is_one_row(experiment: Experiment) -> None:
    experiment.append(epochs=[{"trial_id": "00000", "epoch": 1, "loss": 2.0}])
    experiment.append(epochs=[{"trial_id": "00000", "epoch": 1, "loss": 3.0}, {"trial_id": "00000", "epoch": 2}])
    table = read_epochs(experiment.root).table
    assert table["epoch"].to_pylist() == [1, 2]
    assert table["loss"].to_pylist() == [3.0, None]


def test_two_rows_of_a_trial_that_are_written_together_are_one(experiment: Experiment) -> None:
    experiment.append([row(0, "running"), row(0, "complete")])
    assert read_trials(experiment.root).table["state"].to_pylist() == ["complete"]


def test_merging_keeps_every_row_in_few_files(experiment: Experiment) -> None:
    for number in range(3 * MERGE_AT + 5):
        experiment.append([row(number, "running")])
        experiment.append([row(number, value=float(number))])
    parts = list((experiment.root / "trials").iterdir())
    table = read_trials(experiment.root).table
    assert len(parts) < 2 * MERGE_AT
    assert table["value"].to_pylist() == [float(n) for n in range(3 * MERGE_AT + 5)]


def test_rows_are_the_same_before_and_after_compaction(experiment: Experiment) -> None:
    for number in range(5):
        experiment.append([row(number, value=0.5)], [{"trial_id": f"{number:05d}", "epoch": 1}])
    before = read_trials(experiment.root).table
    experiment.compact()
    assert read_trials(experiment.root).table.equals(before)
    assert pq.read_table(experiment.root / "trials.parquet").num_rows == 5
    assert not (experiment.root / "trials").exists()


def test_rows_go_on_behind_a_compaction(experiment: Experiment) -> None:
    experiment.append([row(0, "failed")])
    experiment.compact()
    experiment.append([row(0, "complete"), row(1)])
    assert read_trials(experiment.root).table["state"].to_pylist() == ["complete", "complete"]


def begin_and_end(experiment: Experiment, numbers: range) -> None:
    """Trials one after another, each with two parts: it runs, it has ended."""
    for number in numbers:
        experiment.append([row(number, "running")])
        experiment.append([row(number, value=float(number))])


def parts_of(experiment: Experiment) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted((experiment.root / "trials").glob("part-*"))}


def reopened(experiment: Experiment) -> Experiment:
    experiment.close()
    return Experiment.reopen(experiment.root, SPACE, {"name": "e"})


def assert_all_ended(experiment: Experiment, trials: int) -> None:
    table = read_trials(experiment.root).table
    assert table["state"].to_pylist() == ["complete"] * trials
    assert table["value"].to_pylist() == [float(n) for n in range(trials)]


@pytest.mark.parametrize("kept", [slice(0, 19), slice(19, None), slice(0, None, 4)])
def test_parts_that_a_cut_off_merge_left_behind_never_stand_over_later_rows(
    experiment: Experiment, kept: slice
) -> None:
    """Any of them may be left: a killed driver removed some, or a store had never got the others."""
    begin_and_end(experiment, range(MERGE_AT // 2 - 1))
    experiment.append([row(MERGE_AT // 2 - 1, "running")])
    before = parts_of(experiment)
    assert len(before) == MERGE_AT - 1
    experiment.append([row(MERGE_AT // 2 - 1, value=MERGE_AT / 2 - 1)])
    begin_and_end(experiment, range(MERGE_AT // 2, MERGE_AT // 2 + 5))
    for path, content in list(before.items())[kept]:
        path.write_bytes(content)
    assert_all_ended(experiment, MERGE_AT // 2 + 5)
    again = reopened(experiment)
    begin_and_end(again, range(MERGE_AT // 2 + 5, 2 * MERGE_AT))
    assert_all_ended(again, 2 * MERGE_AT)
    again.compact()
    assert_all_ended(again, 2 * MERGE_AT)
    again.close()


@pytest.mark.parametrize("kept", [slice(0, 3), slice(3, None), slice(0, None, 2)])
def test_parts_that_a_cut_off_compaction_left_behind_count_no_more(experiment: Experiment, kept: slice) -> None:
    begin_and_end(experiment, range(5))
    before = parts_of(experiment)
    experiment.compact()
    (experiment.root / "trials").mkdir()
    for path, content in list(before.items())[kept]:
        path.write_bytes(content)
    assert_all_ended(experiment, 5)
    again = reopened(experiment)
    assert not parts_of(again)
    begin_and_end(again, range(5, 8))
    assert_all_ended(again, 8)
    again.compact()
    assert_all_ended(again, 8)
    again.close()


def test_a_torn_part_is_named_and_the_rest_is_read(experiment: Experiment) -> None:
    experiment.append([row(0)])
    experiment.append([row(1)])
    torn = sorted((experiment.root / "trials").iterdir())[0]
    torn.write_bytes(torn.read_bytes()[:100])
    found = read_trials(experiment.root)
    assert found.skipped == (f"trials/{torn.name}",)
    assert found.table["trial_id"].to_pylist() == ["00001"]


def test_columns_have_the_documented_types(experiment: Experiment) -> None:
    experiment.append([row(0, **{"config.depth": 2, "config.kind": "3", "config.x1": 1.0}, extra=7.0, note="text")])
    schema = read_trials(experiment.root).table.schema
    kinds = {
        name: str(schema.field(name).type) for name in ("config.depth", "config.kind", "config.x1", "extra", "note")
    }
    assert kinds == {
        "config.depth": "int64",
        "config.kind": "string",
        "config.x1": "double",
        "extra": "double",
        "note": "string",
    }


def test_an_existing_name_is_refused_with_both_ways_out(experiment: Experiment) -> None:
    experiment.close()
    with pytest.raises(SearchError, match=r"--resume.*--name"):
        Experiment.create(experiment.root, SPACE, "", {})


def test_a_second_driver_is_refused_while_the_first_lives(experiment: Experiment) -> None:
    with pytest.raises(SearchError, match="another search is writing"):
        Experiment.reopen(experiment.root, SPACE, {})
    experiment.close()
    Experiment.reopen(experiment.root, SPACE, {}).close()


def test_a_folder_is_held_as_long_as_its_driver_lives(experiment: Experiment) -> None:
    assert is_held(experiment.root)
    experiment.close()
    assert not is_held(experiment.root)


def test_a_folder_without_a_manifest_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "space.py").write_text("")
    Experiment.create(tmp_path / "e", SPACE, "", {"name": "e"}).close()
    assert find_experiments(tmp_path) == [tmp_path / "e"]


def test_an_experiment_that_is_not_there_is_refused_naming_those_that_are(experiment: Experiment) -> None:
    with pytest.raises(SearchError, match=r"no experiment 'f'.* e"):
        existing(experiment.root.parent, "f")


def test_a_damaged_manifest_is_one_line(experiment: Experiment) -> None:
    (experiment.root / "manifest.json").write_text("{")
    with pytest.raises(SearchError, match="cannot be read"):
        read_manifest(experiment.root)


WRITER = """
    import sys
    from pathlib import Path
    from search.experiment.folder import Experiment
    from tests.support.small_experiment import SPACE, row

    experiment = Experiment.reopen(Path(sys.argv[1]), SPACE, {"name": "e"})
    for number in range(100_000):
        experiment.append([row(number, value=float(number))], [{"trial_id": f"{number:05d}", "epoch": 1}])
        print(number, flush=True)
"""


def test_a_file_that_a_killed_writer_had_begun_is_no_part(experiment: Experiment) -> None:
    experiment.append([row(0)], [{"trial_id": "00000", "epoch": 1}])
    (experiment.root / "trials" / ".tmp-7-part-00000001-0.parquet").write_bytes(b"PAR1 torn")
    found = read_trials(experiment.root)
    assert (found.table["number"].to_pylist(), found.skipped) == ([0], ())


@pytest.mark.slow
def test_a_killed_writer_loses_no_row_that_it_said_it_had_written(experiment: Experiment) -> None:
    """Killed in mid-write again and again; readers in between see whole files and every row."""
    experiment.close()
    script = experiment.root.parent / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for turn in range(4):
        writer = subprocess.Popen(
            [sys.executable, str(script), str(experiment.root)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert writer.stdout is not None
        said = -1
        for line in writer.stdout:
            said = int(line)
            if said % 40 == 0:
                assert read_trials(experiment.root).skipped == ()
            if said == 70 + 13 * turn:
                time.sleep(0.001 * turn)
                writer.send_signal(signal.SIGKILL)
                break
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        said = int(rest[-1]) if rest else said
        found = read_trials(experiment.root)
        assert found.skipped == ()
        assert set(range(said + 1)) <= set(found.table["number"].to_pylist())
        assert len(read_epochs(experiment.root).table) >= said + 1
        json.loads((experiment.root / "manifest.json").read_text())


def test_experiment_that_another_driver_made_before_the_lock_was_had_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_another(root: Path) -> TextIO:
        with monkeypatch.context() as real:
            real.setattr("search.experiment.folder.take_lock", lock.take_lock)
            Experiment.create(root, SPACE, "", {"name": "first"}).close()
        return lock.take_lock(root)

    monkeypatch.setattr("search.experiment.folder.take_lock", after_another)
    with pytest.raises(SearchError, match="holds an experiment already; continue it with --resume"):
        Experiment.create(tmp_path / "e", SPACE, "", {"name": "second"})
    assert read_manifest(tmp_path / "e")["name"] == "first"


def test_lock_of_a_folder_that_was_removed_while_it_was_waited_for_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, locked = tmp_path / "e", lock._lock

    def after_a_removal(file: TextIO) -> bool:
        monkeypatch.setattr(lock, "_lock", locked)
        (root / lock.LOCK).unlink()
        root.rmdir()
        return locked(file)

    monkeypatch.setattr(lock, "_lock", after_a_removal)
    with lock.take_lock(root):
        assert lock.is_held(root)
