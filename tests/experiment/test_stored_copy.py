"""The copy of an experiment in an object store, on a real S3 server: whole at every moment, behind by little."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis.load import load
from search.errors import StorageLost
from search.experiment.disk import disk_use
from search.experiment.folder import Experiment
from search.experiment.parts import MERGE_AT
from search.experiment.remote.claim import MARKER
from search.experiment.remote.store import Store
from search.experiment.schema import read_epochs
from tests.support.s3_server import S3Server
from tests.support.small_experiment import SPACE, row
from tests.support.stored_experiments import begin, manifest, settle, states, wait_for


def test_what_is_written_to_the_folder_is_in_the_store_soon_and_whole_at_the_end(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0)], [{"trial_id": "00000", "epoch": 1, "loss": 2.0}])
    wait_for(lambda: states(store) == {"00000": "complete"})
    assert len(read_epochs(store.path, store.files).table) == 1
    experiment.append([row(1)])
    experiment.compact()
    assert settle(experiment) is None
    experiment.close()
    assert set(store.list()) == {"manifest.json", "space.py", "trials.parquet", "epochs.parquet"}
    there, here = load(str(store)), load(tmp_path / "e")
    assert there.trials.equals(here.trials)
    assert there.skipped == ()


def test_a_reader_of_the_store_never_misses_a_row_while_parts_are_merged(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    seen: set[str] = set()
    for number in range(2 * MERGE_AT):
        experiment.append([row(number, "running")])
        experiment.append([row(number)], [{"trial_id": f"{number:05d}", "epoch": 1}])
        found = states(store) if number % 8 == 7 else dict.fromkeys(seen)
        assert found.keys() >= seen
        seen |= found.keys()
    assert settle(experiment) is None
    experiment.close()
    assert states(store) == {f"{n:05d}": "complete" for n in range(2 * MERGE_AT)}
    assert len([name for name in store.list() if name.startswith("trials/")]) <= 2 * MERGE_AT


def test_models_go_to_the_store_and_are_removed_with_the_folder_s(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    for name in ("a", "b"):
        experiment.models.mkdir(exist_ok=True)
        (experiment.models / f"{name}.keras").write_bytes(b"model")
    store.write("models/of_another_node.keras", b"model")
    assert settle(experiment) is None
    experiment.remove(experiment.models / "a.keras")
    experiment.remove(experiment.models / "of_another_node.keras")
    assert settle(experiment) is None
    assert [name for name in store.list() if "models" in name] == ["models/b.keras"]
    (experiment.models / "b.keras").unlink()
    assert experiment.fetch(experiment.models / "b.keras")
    assert not experiment.fetch(experiment.models / "a.keras")
    experiment.close()


def test_checkpoints_are_in_the_store_only_while_their_trial_may_need_them(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    checkpoint = experiment.checkpoints / "00000" / "000003"
    checkpoint.mkdir(parents=True)
    (checkpoint / "reported.json").write_text("[]")
    store.write("checkpoints/00001/000002/reported.json", b"[]")  # By another node.
    assert settle(experiment) is None
    assert "checkpoints/00000/000003/reported.json" in store.list()
    experiment.forget_checkpoint("00000")
    experiment.forget_checkpoint("00001")
    assert settle(experiment) is None
    assert not any(name.startswith("checkpoints") for name in store.list())
    experiment.close()


def test_the_journal_and_what_is_not_whole_stay_with_the_driver(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    for name in (
        "study.journal",
        "study.journal.damaged",
        ".hidden",
        "report.html",
        "figures/a.png",
        "tensorboard/x",
        "wandb/x",
    ):
        (experiment.root / name).parent.mkdir(exist_ok=True)
        (experiment.root / name).write_text("x")
    (experiment.checkpoints / "00000" / ".000001.tmp").mkdir(parents=True)
    (experiment.checkpoints / "00000" / ".000001.tmp" / "weights").write_text("x")
    assert settle(experiment) is None
    assert set(store.list()) == {"manifest.json", "space.py", MARKER}
    experiment.close()


def test_a_store_that_goes_away_costs_nothing_and_gets_all_when_it_is_back(
    tmp_path: Path, store: Store, s3: S3Server
) -> None:
    """Even one that comes back empty."""
    experiment = begin(tmp_path / "e", store)
    assert experiment.copy is not None
    experiment.append([row(0)])
    assert settle(experiment) is None
    s3.stop()
    try:
        for number in range(1, 2 * MERGE_AT):
            experiment.append([row(number)])
        lost = experiment.copy.settle(patience_s=0.5)
        assert lost is not None
        assert "are only in" in str(lost)
        assert "--resume sends them" in str(lost)
        experiment.close()
    finally:
        s3.start()
    again = Experiment.reopen(experiment.root, SPACE, manifest(store, "monday", "tuesday"), store)
    assert settle(again) is None
    again.close()
    assert len(states(store)) == 2 * MERGE_AT


def test_a_search_that_outlives_its_store_says_when_it_is_back(tmp_path: Path, store: Store, s3: S3Server) -> None:
    experiment = begin(tmp_path / "e", store)
    assert experiment.copy is not None
    told: list[str] = []
    s3.stop()
    try:
        experiment.append([row(0)])
        wait_for(lambda: bool(told.extend(experiment.copy.news()) or told))  # type: ignore[union-attr, func-returns-value]
    finally:
        s3.start()
    assert experiment.copy.settle(patience_s=0.0) is None  # One more try, however long it was away.
    assert len(told) == 1
    assert [line for line in experiment.copy.news() if line.endswith("answers again")]
    experiment.close()


def test_parts_that_an_earlier_driver_sent_are_merged_in_the_store_too(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0, "running")])
    assert settle(experiment) is None
    experiment.close()
    again = Experiment.reopen(experiment.root, SPACE, manifest(store, "monday", "tuesday"), store)
    again.append([row(0)])
    again.compact()
    assert settle(again) is None
    again.close()
    assert not [name for name in store.list() if name.startswith("trials/")]
    assert states(store) == {"00000": "complete"}


def test_a_folder_that_is_removed_takes_nothing_from_the_store(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0)])
    assert settle(experiment) is None
    shutil.rmtree(experiment.root)
    with pytest.raises(StorageLost, match="Go on with what s3://bucket/results/e has by --resume"):
        experiment.append([row(1)])
    assert experiment.copy is not None
    experiment.copy.settle(patience_s=0.3)
    experiment.close()
    assert states(store) == {"00000": "complete"}


def test_a_part_that_was_merged_without_the_store_does_not_come_back(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    experiment.append([row(0, "running")])
    assert settle(experiment) is None
    assert experiment.copy is not None
    experiment.copy.close()  # As when the driver is killed.
    experiment.copy = None
    experiment.append([row(0)])
    experiment.compact()
    experiment.close()
    again = Experiment.reopen(experiment.root, SPACE, manifest(store, "monday", "tuesday"), store)
    assert settle(again) is None
    again.close()
    assert states(store) == {"00000": "complete"}


def test_the_room_of_an_experiment_counts_a_file_with_two_names_once(tmp_path: Path, store: Store) -> None:
    experiment = begin(tmp_path / "e", store)
    before = disk_use(experiment.root).total
    experiment.models.mkdir()
    (experiment.models / "00000.keras").write_bytes(bytes(3 << 20))
    (experiment.models / "best.keras").hardlink_to(experiment.models / "00000.keras")
    room = disk_use(experiment.root)
    assert (room.total - before, room.models) == (3 << 20, 3 << 20)
    assert str(room) == "3.0 MiB, of which 3.0 MiB models and checkpoints"
    assert settle(experiment) is None
    assert disk_use(store).models == 6 << 20
    experiment.close()
