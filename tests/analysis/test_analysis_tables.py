"""Comparison tables: who is best, what is counted, and what is said below."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len

from analysis.configurations import compare, configurations, image_counts
from analysis.figures.bars import bars
from analysis.load import load
from analysis.statistics import wilson
from analysis.tables import configuration_table, group_table, trial_table
from analysis.wording.formats import FORMATS, render
from search.errors import SearchError
from search.space import Float
from tests.support.analysis_world import SPACE, searched, trial, write


def repeated(number: int, first: int, value: float, seed: int) -> dict[str, object]:
    return trial(number, value, {"filters": 32 + first}, seed=seed, repeat_of=f"t{first:05d}")


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """Trial 0 wins its first run by luck; trial 1 is better over three seeds."""
    rows = [trial(0, 0.95, {"filters": 32}), trial(1, 0.94, {"filters": 33})]
    rows += [repeated(2, 0, 0.90, 1), repeated(3, 0, 0.91, 2), repeated(4, 1, 0.935, 1), repeated(5, 1, 0.938, 2)]
    return write(tmp_path / "seeds", rows)


def test_mean_over_seeds_names_the_best_not_the_luckiest_run(seeds: Path) -> None:
    table = configurations(load(seeds))
    assert table["number"].tolist() == [1, 0]
    assert table["runs"].tolist() == [3, 3]
    assert table["mean"].tolist() == pytest.approx([0.937667, 0.92], abs=1e-5)
    assert table["low"].iloc[0] == pytest.approx(0.935)


def test_a_run_counts_in_the_group_of_its_own_seed(seeds: Path) -> None:
    frame = group_table(load(seeds), ["seed"]).frame.set_index("seed")
    assert frame["val_accuracy"].to_dict() == pytest.approx({0: 0.945, 1: 0.9175, 2: 0.924})
    assert frame["best val_accuracy"].to_dict() == pytest.approx({0: 0.95, 1: 0.935, 2: 0.938})
    assert frame["runs"].tolist() == [2, 2, 2]


def test_ranges_of_values_that_are_close_to_each_other_are_told_apart(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"learning_rate": 0.1 + n / 1e6}) for n in range(20)]
    frame = group_table(load(write(tmp_path / "a", rows)), ["learning_rate"]).frame
    assert sorted(frame["config.learning_rate"])[0] == "0.1 to 0.100004"
    assert frame["configurations"].tolist() == [4] * 5


@pytest.mark.parametrize("kind", FORMATS)
def test_a_setting_with_the_name_of_another_column_is_shown_beside_it(tmp_path: Path, kind: str) -> None:
    rows = [trial(0, 0.9, {"epochs": 71}, epochs=29), trial(1, 0.8, {"epochs": 83}, epochs=31)]
    results = load(write(tmp_path / "a", rows))
    told = render(trial_table(results), kind)
    for wanted in ("config", "71", "83", "29", "31"):
        assert wanted in told
    frame = pd.read_csv(io.StringIO(render(group_table(results, ["epochs"]), "csv")))
    assert frame["epochs"].tolist() == [71, 83]


def test_a_name_is_a_heading_to_sort_by_and_a_setting_to_group_by(tmp_path: Path) -> None:
    rows = [
        trial(n, 0.9 - n / 100, {"epochs": limit}, epochs=e) for n, (limit, e) in enumerate([(9, 3), (7, 2), (9, 1)])
    ]
    results = load(write(tmp_path / "a", rows))
    by_column, by_setting = trial_table(results, sort="epochs"), trial_table(results, sort="config.epochs")
    assert (by_column.frame["epochs"].tolist(), by_column.notes[0]) == ([1, 2, 3], "Sorted by epochs.")
    assert by_setting.frame["config.epochs"].tolist() == [7, 9, 9]
    assert by_setting.notes[0] == "Sorted by config.epochs."
    groups = group_table(results, ["epochs"], sort="epochs")
    assert groups.frame["config.epochs"].tolist() == [7, 9]
    assert "epochs is the setting, and not the column of that name." in groups.notes


def test_intervals_count_the_images_that_each_trial_was_tested_on(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"evaluation_size": size}) for n, size in enumerate((100, 50, 100_000, None))]
    results = load(write(tmp_path / "a", rows))
    whole = results.sources[0].dataset
    assert whole is not None
    images = [100, 50, whole.num_test, whole.num_test]
    for frame in (trial_table(results).frame, configuration_table(results).frame):
        tested = frame["test_accuracy"]
        low, high = wilson(tested, images)
        assert frame["test_accuracy low"].tolist() == pytest.approx(low.tolist())
        assert frame["test_accuracy high"].tolist() == pytest.approx(high.tolist())
    counts = image_counts(results, "val_accuracy", results.trials)
    assert counts is not None
    assert counts.tolist()[:2] == [100, 50]


def test_repeats_are_compared_over_the_seeds_that_they_share(seeds: Path) -> None:
    compared = compare(load(seeds), "t00001", "t00000")
    assert compared.basis == "3 shared seeds"
    assert compared.difference == pytest.approx(0.017667, abs=1e-5)


def test_seeds_that_agree_to_the_image_are_no_proof(tmp_path: Path) -> None:
    rows = [trial(0, 0.95, {"filters": 32}), trial(1, 0.95 - 1 / 300, {"filters": 33})]
    rows += [repeated(2, 0, 0.95, 1), repeated(3, 1, 0.95 - 1 / 300, 1)]
    assert compare(load(write(tmp_path / "a", rows)), "t00000", "t00001").inside_noise


def test_tie_goes_to_the_lower_number(tmp_path: Path) -> None:
    rows = [trial(2, 0.9, {"filters": 32}), trial(1, 0.9, {"filters": 64}), trial(0, 0.8, {"filters": 64})]
    assert configurations(load(write(tmp_path / "a", rows)))["number"].tolist() == [1, 2, 0]


def test_loss_is_ranked_from_the_least(tmp_path: Path) -> None:
    rows = [trial(0, 0.8, {"filters": 32}), trial(1, 0.9, {"filters": 64})]
    root = write(tmp_path / "a", rows)
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["space"].update(metric="val_loss", mode="min")
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert configurations(load(root))["number"].tolist() == [1, 0]
    assert trial_table(load(root)).frame["number"].tolist() == [1, 0]


def test_runs_are_told_without_others_where_every_configuration_was_repeated(tmp_path: Path) -> None:
    rows = [trial(number, 0.96, {"filters": 32 + number}, seed=0) for number in range(3)]
    for number, seed in ((0, 1), (0, 2), (1, 1), (2, 1)):
        again = {"trial_id": f"t{number:05d}r{seed}", "repeat_of": f"t{number:05d}", "seed": seed}
        rows.append({**rows[number], **again})
    told = " ".join(configuration_table(load(write(tmp_path / "a", rows))).notes)
    assert "means over 2 to 3 seeds." in told
    assert "All 2 other configurations are inside the noise of the best (trials 1, 2;" in told


@pytest.mark.parametrize(("other", "said"), [(0.96, "is inside"), (0.5, "is not inside")])
def test_single_other_configuration_is_no_count(tmp_path: Path, other: float, said: str) -> None:
    rows = [trial(0, 0.97, {"filters": 32}), trial(1, other, {"filters": 64})]
    told = " ".join(trial_table(load(write(tmp_path / "a", rows))).notes)
    assert f"The other configuration {said} the noise of the best (trial 1; judged by 297 images)." in told


def test_trials_stand_in_order_of_state_then_validation(tmp_path: Path) -> None:
    frame = trial_table(load(write(tmp_path / "a", searched(40)))).frame
    states = frame["state"].tolist()
    assert states == sorted(states, key=["complete", "running", "pruned", "failed"].index)
    done = frame.loc[frame["state"] == "complete", "val_accuracy"]
    assert done.is_monotonic_decreasing
    assert frame.loc[frame["state"] == "failed", "log"].str.startswith("logs/t").all()


def test_test_values_never_order_the_table_unless_asked_and_then_it_says_so(tmp_path: Path) -> None:
    rows = [trial(0, 0.95, {"filters": 32}, test_accuracy=0.8), trial(1, 0.9, {"filters": 64}, test_accuracy=0.99)]
    results = load(write(tmp_path / "a", rows))
    assert trial_table(results).frame["number"].tolist() == [0, 1]
    asked = trial_table(results, sort="test_accuracy")
    assert asked.frame["number"].tolist() == [1, 0]
    assert "no unbiased test value" in asked.notes[0]
    assert "Best: trial 0" in " ".join(asked.notes)


def test_table_sorted_by_a_metric_has_what_is_better_by_it_on_top(tmp_path: Path) -> None:
    space = dataclasses.replace(SPACE, metric="f1", mode="max")
    rows = [trial(number, 0.9, {"filters": 32 + number}, f1=value) for number, value in enumerate((0.8, 0.9, 0.7))]
    results = load(write(tmp_path / "a", rows, space=space))
    assert trial_table(results, sort="f1").frame["f1"].tolist() == [0.9, 0.8, 0.7]
    assert group_table(results, ["filters"], sort="best f1").frame["best f1"].tolist() == [0.9, 0.8, 0.7]


def test_groups_count_average_and_name_their_best(tmp_path: Path) -> None:
    rows = [trial(0, 0.90, {"filters": 32}), trial(1, 0.94, {"filters": 32}), trial(2, 0.93, {"filters": 64})]
    rows.append({"trial_id": "t9", "number": 3, "state": "failed", "config.filters": 64, "error": "NaN loss"})
    frame = group_table(load(write(tmp_path / "a", rows)), ["filters"]).frame.set_index("config.filters")
    assert frame["configurations"].to_dict() == {32: 2, 64: 1}
    assert frame["failed"].to_dict() == {32: 0, 64: 1}
    assert frame.loc[32, "val_accuracy"] == pytest.approx(0.92)
    assert frame.loc[32, "best val_accuracy"] == 0.94
    assert frame.loc[32, "test_accuracy"] == pytest.approx(0.93)
    assert frame.index.tolist() == [32, 64]


def test_inactive_parameter_has_a_group_of_its_own(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40)))
    table = group_table(results, ["network,unfreeze_depth"])
    alone = table.frame[table.frame["config.unfreeze_depth"].isna()]
    assert alone["config.network"].tolist() == ["two_conv"]
    assert table.frame["runs"].sum() == len(results.complete())


def test_parameter_of_many_floats_is_grouped_in_ranges(tmp_path: Path) -> None:
    table = group_table(load(write(tmp_path / "a", searched(40))), ["learning_rate"])
    assert len(table.frame) == 5
    assert "ranges" in " ".join(table.notes)


def test_several_experiments_stand_in_one_table(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(10)), write(tmp_path / "b", searched(10, seed=1)))
    assert set(trial_table(results).frame["experiment"]) == {"a", "b"}
    assert set(group_table(results, ["experiment"]).frame["experiment"]) == {"a", "b"}


def test_differences_inside_the_noise_are_named(tmp_path: Path) -> None:
    rows = [trial(0, 0.95, {"filters": 32}), trial(1, 0.945, {"filters": 64}), trial(2, 0.5, {"filters": 48})]
    told = " ".join(trial_table(load(write(tmp_path / "a", rows))).notes)
    assert "1 of the other 2 configurations is inside the noise of the best (trial 1; judged by 297 images)" in told


def test_fallback_of_the_data_set_is_told(tmp_path: Path) -> None:
    dataset = {"name": "digits", "asked": "mnist", "num_test": 300}
    told = trial_table(load(write(tmp_path / "a", searched(5), dataset=dataset))).notes
    assert "a used digits in place of mnist, which was not there." in told


def test_unknown_column_is_refused_with_the_near_ones(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(5)))
    told = r"no column 'filter'.*Did you mean filters"
    with pytest.raises(SearchError, match=told):
        group_table(results, ["filter"])
    with pytest.raises(SearchError, match=told):
        trial_table(results, sort="filter")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_holds_every_trial_and_escapes_what_it_must(tmp_path: Path, kind: str) -> None:
    rows = [trial(n, 0.9 - n / 100, {"network": name}) for n, name in enumerate(["<b>|&_%", "plain"])]
    text = render(trial_table(load(write(tmp_path / "a", rows))), kind)
    escaped = {"html": "&lt;b&gt;|&amp;_%", "markdown": r"<b>\|&_%", "latex": r"\textless{}b\textgreater{}|\&\_\%"}
    assert escaped.get(kind, "<b>|&_%") in text
    assert "plain" in text
    assert text.endswith("\n")


def test_names_of_any_characters_leave_a_table_in_its_columns(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"a|b": f"{n}\nx" * 50, "名前": name}) for n, name in enumerate(["東京", "zzz"])]
    table = trial_table(load(write(tmp_path / "a", rows)))
    text, markdown = (render(table, kind).split("\n\n")[0].splitlines() for kind in ("text", "markdown"))
    places = {cell_len(line[: line.index(word)]) for line, word in zip(text[2:4], ("東京", "zzz"), strict=True)}
    assert len(places) == 1
    assert len(text) == 4
    assert max(map(cell_len, text)) < 250
    assert {line.replace("\\|", "").count("|") for line in markdown} == {markdown[1].count("|")}
    assert "0\nx" * 50 in render(table, "csv")


def test_csv_keeps_the_numbers_whole(tmp_path: Path) -> None:
    root = write(tmp_path / "a", [trial(0, 0.123456789012, {"filters": 32})])
    (row,) = csv.DictReader(io.StringIO(render(trial_table(load(root)), "csv")))
    assert float(row["val_accuracy"]) == 0.123456789012
    assert float(row["test_accuracy low"]) < float(row["test_accuracy"]) < float(row["test_accuracy high"])


def test_configurations_show_their_runs_and_intervals(seeds: Path) -> None:
    table = configuration_table(load(seeds))
    assert table.frame[["number", "runs"]].to_numpy().tolist() == [[1, 3], [0, 3]]
    assert "val_accuracy 95 %" in render(table, "text")


def test_trial_stopped_on_a_part_of_the_images_stands_behind_the_others_and_the_table_says_so(tmp_path: Path) -> None:
    rows = [trial(number, 0.9 - number / 100, {"filters": 32}, training_share=1.0) for number in range(2)]
    for number, share, value in ((2, 0.1, 0.99), (3, 0.3, 0.98), (4, 1.0, 0.5)):
        rows.append(trial(number, value, {"filters": 64}, state="pruned", training_share=share, test_accuracy=None))
    results = load(write(tmp_path / "a", rows))
    table = trial_table(results)
    assert table.frame["number"].tolist() == [0, 1, 4, 3, 2]
    assert trial_table(results, sort="val_accuracy").frame["number"].tolist() == [0, 1, 4, 3, 2]
    assert "2 trials were stopped on a part of the training set and are not compared." in table.notes
    assert "Best: trial 0" in " ".join(table.notes)


def test_every_measured_number_of_a_configuration_is_the_mean_over_its_seeds(seeds: Path) -> None:
    results = load(seeds)
    of_best = results.trials[results.trials["config.filters"] == 33]
    table, grouped = configuration_table(results), group_table(results, ["filters"])
    assert configurations(results)["test_loss"].iloc[0] == pytest.approx(of_best["test_loss"].mean())
    assert table.frame["test_loss"].iloc[0] == pytest.approx(of_best["test_loss"].mean())
    assert grouped.frame["test_loss"].iloc[0] == pytest.approx(of_best["test_loss"].mean())
    assert bars(results)["test_loss"].iloc[0] == pytest.approx(of_best["test_loss"].mean())
    assert "All measured values: means over 3 seeds." in table.notes


def test_repeats_are_told_apart_from_trials(seeds: Path) -> None:
    assert "seeds: 2 complete, and 4 repeats." in trial_table(load(seeds)).notes


def test_small_losses_and_settings_are_not_shown_as_zero(tmp_path: Path) -> None:
    space = dataclasses.replace(SPACE, parameters={"loss_weight": Float(1e-6, 1.0, log=True)}, metric="val_loss")
    rows = [trial(n, 0.9, {"loss_weight": weight}, val_loss=1.5e-6) for n, weight in enumerate((2e-5, 0.125))]
    text = render(trial_table(load(write(tmp_path / "a", rows, space=space))), "text")
    assert "1.5e-06" in text
    assert "2e-05" in text
    assert "0.125 " in text
