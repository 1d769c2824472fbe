"""Folders from elsewhere: whatever is missing or wrong is named in a line, and the rest is still shown."""

import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import listing
from analysis.compare import compare
from analysis.figures import KINDS, make
from analysis.listing import experiments
from analysis.load import load
from analysis.report import page
from analysis.report.live.answers import Answers
from analysis.report.live.folder import WatchedFolder
from analysis.tables import trial_table
from search.console import Console
from search.errors import SearchError
from search.screen.listing import print_experiments
from tests.support.analysis_world import searched, trial, write, write_predictions
from tests.support.mutations import Mutation, manifest_mutations, mutated, table_mutations

SAMPLE = 200
"""Mutations that are tried of those that there are, drawn with a seed, each with one of the commands."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of few trials, so that what takes long, importance, is refused."""
    root = write(tmp_path_factory.mktemp("whole") / "a", searched(9, repeats=1), asked={"set": {"epochs": "3"}})
    for row in load(root).complete()["trial_id"]:
        write_predictions(root, row)
    stored = json.loads((root / "manifest.json").read_text())
    stored["dataset"]["class_counts"] = {"train": [5, 6, 7], "test": [100, 100, 100]}
    (root / "manifest.json").write_text(json.dumps(stored))
    return root


def ways_to_read(folder: Path, kind: str) -> list[Callable[[], object]]:
    """What the commands do with a folder."""
    return [
        lambda: compare([str(folder)]),
        lambda: compare([str(folder), "--by", "filters", "--format", "html"]),
        lambda: make(kind, load(folder)),
        lambda: page(load(folder), []),
        lambda: json.dumps(Answers(WatchedFolder([str(folder)])).state(""), allow_nan=False),
        lambda: experiments(folder.parent),
        lambda: print_experiments(Console(), folder.parent),
    ]


def all_mutations(whole: Path) -> list[Mutation]:
    predictions = str(next((whole / "predictions").iterdir()).relative_to(whole))
    tables = [m for name in ("trials.parquet", "epochs.parquet", predictions) for m in table_mutations(whole, name)]
    return [*manifest_mutations(whole), *tables]


@pytest.mark.parametrize("part", range(4))
def test_no_mutation_of_a_folder_ends_in_a_traceback(whole: Path, tmp_path: Path, part: int) -> None:
    found = all_mutations(whole)
    kinds = [kind for kind in KINDS if kind != "importance"]
    assert len(found) > 1000
    told: list[str] = []
    chosen = random.Random(0).sample(found, SAMPLE)
    for index, mutation in enumerate(chosen[part::4]):
        folder = mutated(whole, mutation, tmp_path / "results" / "a")
        try:
            ways = ways_to_read(folder, kinds[(index // 7) % len(kinds)])
            ways[(index + part) % len(ways)]()
        except SearchError as refusal:
            told.append(str(refusal))
        except Exception as error:
            error.add_note(f"mutation: {mutation[0]}")
            raise
    assert not [refusal for refusal in told if "\n" in refusal]


def test_what_is_wrong_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(9))
    stored = json.loads((root / "manifest.json").read_text())
    stored["space"]["mode"], stored["dataset"]["num_test"] = "upwards", "many"
    (root / "manifest.json").write_text(json.dumps(stored))
    table = pq.read_table(root / "trials.parquet")
    place = table.column_names.index("val_loss")
    pq.write_table(table.set_column(place, "val_loss", pa.array(["low"] * 9)), root / "trials.parquet")
    told = trial_table(load(root)).notes
    assert "a: manifest.json: space.mode is 'upwards'; expected max or min, and max is assumed." in told
    assert "a: manifest.json: dataset.num_test is 'many'; expected a whole number, and it is left out." in told
    assert "a: trials: column val_loss is string; expected numbers, and it is left out." in told
    assert any(note.startswith("Best: trial ") for note in told)


def test_a_space_that_asks_no_question_in_words_is_nothing_wrong(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(3), question=""))
    assert not [note for note in trial_table(results).notes if "manifest" in note]


def test_lists_count_and_rank_configurations_not_their_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [trial(0, 0.96, {"filters": 32}), trial(1, 0.95, {"filters": 64})]
    rows.append(trial(2, 0.80, {"filters": 32}, seed=1, repeat_of="t00000"))
    write(tmp_path / "a", rows)
    print_experiments(Console(), tmp_path)
    assert capsys.readouterr().out.splitlines()[1].split()[:5] == ["a", "finished", "2", "val_accuracy", "0.95"]
    listed = experiments(tmp_path).frame.iloc[0]
    assert (listed["trials"], listed["complete"], listed["best"]) == (2, 2, 0.95)


def test_command_below_a_list_is_one_for_a_shell_whatever_the_name(tmp_path: Path) -> None:
    root = write(tmp_path / "my results" / "a", [trial(0, 0.96, {"filters": 32})])
    (command,) = experiments(root.parent).notes
    assert shlex.split(command)[-1] == str(root)


def test_experiment_that_stops_answering_hides_no_other_from_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers_for_b(experiment: Path, stored: str) -> str:
        if experiment.name == "a":
            raise OSError("no answer")
        return stored

    for name in ("a", "b"):
        write(tmp_path / name, [trial(0, 0.96, {"filters": 32})])
    monkeypatch.setattr(listing, "present_state", answers_for_b)
    listed = experiments(tmp_path).frame.set_index("experiment")
    assert (listed.loc["a", "state"], listed.loc["a", "question"]) == ("unreadable", "no answer")
    assert listed.loc["b", "state"] == "finished"


def test_metric_that_is_text_leaves_no_best_and_says_so_in_one_line(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"filters": n}) for n in range(3)]
    root = write(tmp_path / "a", rows)
    table = pq.read_table(root / "trials.parquet")
    place = table.column_names.index("val_accuracy")
    pq.write_table(table.set_column(place, "val_accuracy", pa.array(["high"] * 3)), root / "trials.parquet")
    assert "column val_accuracy is string" in " ".join(trial_table(load(root)).notes)
    with pytest.raises(SearchError, match="no finished trial"):
        load(root).complete()


def test_epoch_numbers_that_cannot_be_are_left_out_and_counted(tmp_path: Path) -> None:
    root = write(tmp_path / "a", [trial(n, 0.9, {"filters": n}) for n in range(3)])
    table = pq.read_table(root / "epochs.parquet")
    epochs = table["epoch"].to_pylist()
    epochs[:2] = [-1, 10**12]
    pq.write_table(
        table.set_column(table.column_names.index("epoch"), "epoch", pa.array(epochs)), root / "epochs.parquet"
    )
    results = load(root)
    assert len(results.epochs) == len(epochs) - 2
    assert results.wrong_epochs == ("a: epochs: 2 of 15 rows have no trial_id or epoch that can be, and are left out.",)
