"""What comes after a search: pictures classified, the model exported, described and trained again."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from search.console import Console
from search.errors import SearchError
from search.from_python import Experiment
from search.run import main as search
from search.use.__main__ import main, parser
from search.use.card import as_markdown, interval
from search.use.ensemble import NAME
from search.use.export import export
from search.use.reproduce import reproduce
from search.use.stored_trial import StoredTrial, leading_trials, stored_trial
from tests.support.s3_server import S3Server
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.image_classifier import load_model
from trainables.trial import Trial

configure(cpus=1)

PAGE = Path(__file__).parents[2] / "docs" / "using_the_winner.md"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One search of the digits, for all tests: complete and pruned trials, and repeats of the leading ones."""
    results = tmp_path_factory.mktemp("results")
    words = ["spaces/digits_filters.py", "--results", str(results), "--trials", "5", "--repeats", "2", "--quiet"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert search([*words, "--set", "epochs=3", "sample_size=600", "--max-concurrent", "1"]) == 0
    return results / "digits_filters"


@pytest.fixture
def best(root: Path) -> StoredTrial:
    return stored_trial(Experiment(root))


@pytest.fixture(scope="module")
def pictures(root: Path) -> Path:
    """The first ten test images as files, and one that is no picture."""
    images, _ = load_data({"dataset": "digits"}, Trial()).test.take()
    folder = root.parent / "pictures"
    (folder / "more").mkdir(parents=True)
    for number, image in enumerate(images[:10]):
        PIL.Image.fromarray(image[:, :, 0]).save(folder / ("more" if number > 4 else "") / f"{number}.png")
    (folder / "torn.png").write_bytes(b"no picture")
    return folder


@pytest.mark.slow
def test_a_folder_gives_the_pictures_that_a_data_set_would_have(
    root: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every suffix, links, names that are not UTF-8; and nothing that a system has left there."""
    image = PIL.Image.open(pictures / "0.png")
    given, beside = tmp_path / "given", tmp_path / "beside"
    for folder in (given / "__MACOSX", given / ".hidden", beside):
        folder.mkdir(parents=True)
        image.save(folder / "linked.png")
    (given / "link").symlink_to(beside)
    (given / "loop").symlink_to(given)
    for name, kind in (("a.jfif", "JPEG"), ("b.JPE", "JPEG"), ("c.dib", "BMP"), ("d.pnm", "PPM"), ("e.apng", "PNG")):
        image.save(given / name, format=kind)
    (given / "._a.png").write_bytes(b"\0\5\x16\7")
    (given / os.fsdecode(b"caf\xe9.png")).write_bytes((pictures / "0.png").read_bytes())
    output = tmp_path / "not" / "there" / "classes.parquet"
    assert main(["predict", str(root), str(given), "--output", str(output)]) == 0
    found = pd.read_parquet(output)
    names = ["a.jfif", "b.JPE", "c.dib", r"caf\xe9.png", "d.pnm", "e.apng", "link/linked.png"]
    assert found["file"].tolist() == [f"{given}/{name}" for name in names]
    assert found["class"].nunique() == 1
    said = capsys.readouterr()
    assert ("are not followed" in said.err, "are not followed" in said.out) == (True, False)


@pytest.mark.slow
def test_a_file_that_is_no_model_of_the_data_is_refused_in_one_line(
    root: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras  # after configure

    (tmp_path / "torn.keras").write_bytes(b"no archive")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.save(tmp_path / "three.keras")
    for name, told in (("torn", "is no whole .keras file"), ("three", "tells 3 classes apart, and the data of")):
        words = ["predict", str(root), str(pictures), "--model", str(tmp_path / f"{name}.keras")]
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_pictures_get_the_classes_that_the_test_measured(
    suffix: str, root: Path, best: StoredTrial, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = root.parent / f"classes.{suffix}"
    assert main(["predict", str(root), str(pictures), "--output", str(output)]) == 0
    found = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
    found = found.set_index(found["file"].map(lambda file: Path(file).stem))
    stored = pd.read_parquet(root / "predictions" / f"{best.trial_id}.parquet")
    numbers = [str(number) for number in range(10)]
    assert [int(name) for name in found.loc[numbers, "class"]] == stored.predicted[:10].tolist()
    for name in best.class_names:
        column = f"probability_{name}"
        np.testing.assert_allclose(found.loc[numbers, column].astype(float), stored[column][:10], atol=1e-4)
    assert found["class"].isna().loc["torn"]
    assert "torn.png: no known image format" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras", "savedmodel", "tflite", "onnx"])
def test_exported_model_does_what_was_measured(
    name: str, best: StoredTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    root = best.experiment.path
    if name == "onnx" and find_spec("onnxruntime") is None:
        assert main(["export", str(root), "--format", name]) == 2
        assert "pip install 'keras-search[onnx]'" in capsys.readouterr().err
        return
    assert main(["export", str(root), "--format", name]) == 0
    assert f"test_accuracy {best.row['test_accuracy']:.4f} on 359 images, as measured" in capsys.readouterr().out
    (about,) = (root / "exports").glob(f"*{name}.json")
    assert json.loads(about.read_text())["classes"] == list(best.class_names)
    assert about.with_suffix("").exists()


@pytest.mark.slow
def test_export_that_measures_otherwise_is_refused_and_removed(best: StoredTrial, tmp_path: Path) -> None:
    other = dataclasses.replace(best, row={**best.row, "test_accuracy": 0.5})
    with pytest.raises(SearchError, match=r"and 0.5000 was measured; it was removed"):
        export(other, "keras", tmp_path / "a.keras", None, Console())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SearchError, match="is the model itself; expected another place"):
        export(best, "keras", best.model, None, Console())


@pytest.mark.slow
def test_complete_and_pruned_trials_and_repeats_come_out_the_same(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = Experiment(root).trials
    repeat = trials[trials.repeat_of.notna()].trial_id.iloc[0]
    pruned = trials[trials.state == "pruned"].trial_id.iloc[0]
    for trial_id in (pruned, repeat):
        assert main(["reproduce", str(root), "--trial", trial_id]) == 0
        assert "are the same, to the bit" in capsys.readouterr().out


@pytest.mark.slow
def test_refit_trains_on_the_validation_images_too_and_its_models_can_be_used(
    best: StoredTrial, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = best.experiment.path
    assert main(["refit", str(root), "--seeds", "2", "--ensemble"]) == 0
    assert "test_accuracy: mean " in capsys.readouterr().out
    rows = json.loads((root / "refit" / f"{best.trial_id}.json").read_text())
    assert [(row["seed"], row["sample_size"]) for row in rows] == [(0, 600 + 359), (1, 600 + 359)]
    model = str(root / "refit" / f"{best.trial_id}-1.keras")
    assert main(["predict", str(root), str(pictures), "--model", model]) == 0
    assert "7.png," in capsys.readouterr().out
    assert main(["export", str(root), "--format", "keras", "--model", model]) == 0
    assert f"{best.trial_id}-1.keras: test_accuracy {rows[1]['test_accuracy']:.4f} on 359" in capsys.readouterr().out
    models = [load_model(root / "refit" / name) for name in (*[f"{best.trial_id}-{n}.keras" for n in (0, 1)], NAME)]
    images, labels = load_data({"dataset": "digits"}, Trial()).test.take()
    one, other, together = (model.predict(images, verbose=0) for model in models)
    np.testing.assert_allclose(together, (one + other) / 2, atol=1e-5)
    told = json.loads((root / "refit" / NAME).with_suffix(".json").read_text())
    assert told["test_accuracy"] == pytest.approx(np.mean(together.argmax(axis=1) == labels))


@pytest.mark.slow
def test_trial_that_comes_out_otherwise_is_told_with_the_value(
    best: StoredTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {**best.manifest["versions"], "keras": "3.0.0"}
    changed = {**best.manifest, "versions": versions}
    other = dataclasses.replace(best, row={**best.row, "test_loss": 0.5}, manifest=changed)
    assert reproduce(other, None, Console()) == 1
    said = capsys.readouterr().out
    assert all(part in said for part in ("1 of ", "test_loss: 0.5 stored", "and 3.0.0 then")), said


@pytest.mark.slow
def test_card_says_data_metrics_with_intervals_and_how_to_make_it_again(best: StoredTrial) -> None:
    text = as_markdown(best)
    assert best.manifest["dataset"]["fingerprint"] in text
    accuracy = best.row["test_accuracy"]
    assert f"| test_accuracy | {accuracy:.4g} | {interval(accuracy, 359)} |" in text
    assert "Over 2 runs of this configuration with different seeds" in text
    assert f"python -m search.use reproduce {best.experiment.path} --trial {best.trial_id}" in text
    (command,) = (line for line in text.splitlines() if line.startswith("python -m search.run"))
    assert command.endswith(" --name ANOTHER"), "Its own name is taken."
    manifest = {**best.manifest, "command": ["SPACE", "--name", "given", "--trials", "2"]}
    given = as_markdown(dataclasses.replace(best, manifest=manifest))
    assert "\nrun_search(space, trials=2, name='ANOTHER')\n" in given
    assert f"\nreproduce(stored_trial(Experiment({str(best.experiment.path)!r}, space), {best.trial_id!r})" in given
    assert main(["card", str(best.experiment.path)]) == 0
    assert (best.experiment.path / "card.md").read_text() == text


@pytest.mark.slow
def test_card_counts_the_images_that_were_used_and_says_who_was_not_chosen(best: StoredTrial) -> None:
    space = {**best.manifest["space"], "fixed": {**best.manifest["space"]["fixed"], "evaluation_size": 100, "a|b": 1}}
    text = as_markdown(dataclasses.replace(best, manifest={**best.manifest, "space": space}))
    accuracy = best.row["test_accuracy"]
    assert f"| test_accuracy | {accuracy:.4g} | {interval(accuracy, 100)} |" in text
    assert "chosen by val_accuracy among" in text
    assert r"| a\|b | 1 | fixed |" in text
    told = as_markdown(dataclasses.replace(best, row={**best.row, "trial_id": "00099"}))
    assert "not the best by val_accuracy" in told
    assert "chose this configuration" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["card", "{root}", "--trial", "77"], "has no trial 77; expected one of its 6, from 0 on"),
        (["predict", "{root}", "nowhere.png"], "nowhere.png is not there"),
        (["predict", "{root}", "{root}/models"], "no image files in"),
        (["predict", "{root}", "README.md", "--output", "a.txt"], "names no format"),
        (["export", "{root}", "--format", "pmml"], "invalid choice: 'pmml'"),
        (["card", "{root}/.."], "is a folder of 1 experiment; expected one of them: digits_filters."),
    ],
)
def test_wrong_word_is_refused_in_a_line(
    words: list[str], line: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(root=root) for word in words]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said


@pytest.mark.slow
def test_leading_configurations_are_the_best_of_the_complete_ones(root: Path) -> None:
    trials = Experiment(root).trials
    complete = trials[(trials.state == "complete") & trials.repeat_of.isna()]
    found = leading_trials(Experiment(root), len(complete))
    assert {trial.trial_id for trial in found} == set(complete.trial_id)
    assert found[0].trial_id == Experiment(root).best.trial_id
    with pytest.raises(SearchError, match=r"expected 99. Name fewer"):
        leading_trials(Experiment(root), 99)


@pytest.mark.slow
def test_an_experiment_in_a_store_is_used_by_its_address(
    root: Path, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = s3.store("bucket/results/digits_filters")
    stored = json.loads((root / "manifest.json").read_text()) | {"store": store.plain}
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        store.upload(file, file.relative_to(root).as_posix())
    store.write("manifest.json", json.dumps(stored).encode())
    store.write("checkpoints/00009/1/state", b"large")
    monkeypatch.chdir(tmp_path)
    address = s3.address("bucket/results/digits_filters")
    store.remove("study.journal")  # Stays with the driver.
    store.write("trials/part-0.parquet", (root / "trials.parquet").read_bytes())
    assert main(["card", address, "--output", "card.md"]) == 0
    assert "test_accuracy" in Path("card.md").read_text()
    here = Path("results/digits_filters")
    assert not (here / "checkpoints").exists()
    assert stored_trial(Experiment(here)).model.is_file()
    store.remove("trials/part-0.parquet")  # It was merged, and the search went on.
    store.write("manifest.json", json.dumps(stored | {"state": "interrupted"}).encode())
    assert main(["card", address, "--output", "card.md"]) == 0
    assert Experiment(here).manifest["state"] == "interrupted"
    assert list((here / "trials").glob("*")) == []
    assert main(["card", s3.address("bucket/results/digits")]) == 2
    assert "no experiment at s3://bucket/results/digits:" in capsys.readouterr().err


def test_interval_is_wilson_s() -> None:
    assert interval(0.5, 100) == "0.4038 to 0.5962, of 100"
    assert interval(1.0, 10) == "0.7225 to 1.0000, of 10"
    assert interval(0.5, None) == ""


def test_commands_that_the_page_shows_can_be_given() -> None:
    commands = re.findall(r"python -m search\.use ([^`\n#]+)", PAGE.read_text())
    given = [parser().parse_args(command.split()).command for command in commands if "COMMAND" not in command]
    assert given == ["predict", "export", "card", "reproduce", "refit"]
