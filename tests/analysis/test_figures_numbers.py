"""The numbers behind each kind of figure."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.figures.classes import images_per_class
from analysis.figures.drawing.scales import scale
from analysis.figures.drawing.style import focus, robust_limits
from analysis.figures.parameters.contour import contour
from analysis.figures.parameters.parallel import parallel
from analysis.figures.parameters.settings import best_by_range
from analysis.figures.parameters.slices import slices
from analysis.figures.progress import progress, survivors
from analysis.figures.sample_size import by_sample_size, fit
from analysis.figures.schedules import changed, segments
from analysis.figures.timeline import busy, timeline
from analysis.figures.tradeoff import pareto
from analysis.findings import notes
from analysis.load import load
from analysis.numbers.classes import best_predictions, per_class
from analysis.numbers.importance import importance
from analysis.report.words import again
from search.errors import SearchError
from search.space import Int
from tests.support.analysis_world import SPACE, Row, searched, trial, write, write_predictions


def test_failed_trial_keeps_the_previous_best(tmp_path: Path) -> None:
    failed: Row = {"trial_id": "t9", "number": 1, "state": "failed", "epochs": 1}
    rows = [
        trial(0, 0.9, {"filters": 32}),
        {**trial(1, 0.99, {"filters": 32}), **failed},
        trial(2, 0.95, {"filters": 64}),
    ]
    assert progress(load(write(tmp_path / "a", rows)))["best"].tolist() == [0.9, 0.9, 0.95]


def test_repeat_is_no_progress(tmp_path: Path) -> None:
    rows = [trial(0, 0.9, {"filters": 32}), trial(1, 0.99, {"filters": 32}, repeat_of="t00000", seed=1)]
    assert progress(load(write(tmp_path / "a", rows)))["best"].tolist() == [0.9]


def test_every_trial_reaches_its_first_epoch_and_rungs_are_where_trials_were_pruned(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40)))
    reached = survivors(results)
    assert reached["reached"].iloc[0] == 40
    assert reached["reached"].is_monotonic_decreasing
    assert reached["pruned"].sum() == (results.trials["state"] == "pruned").sum()


def test_what_was_decisive_is_most_important_and_a_condition_is_named(tmp_path: Path) -> None:
    table = importance(load(write(tmp_path / "a", searched(80))))
    rows = {row["parameter"]: row for row in table.to_dict("records")}
    assert table["parameter"].iloc[0] == "learning_rate"
    assert rows["learning_rate"]["importance"] > 0.5
    assert rows["unfreeze_depth"]["where"] == "network=vgg16"
    assert rows["unfreeze_depth"]["configurations"] < rows["filters"]["configurations"]


def test_importance_of_a_handful_of_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="needs at least 10"):
        importance(load(write(tmp_path / "a", searched(8))))


def test_pareto_front_holds_what_nothing_beats_in_both() -> None:
    costs, values = np.array([1.0, 2, 2, 3, 4]), np.array([0.5, 0.7, 0.6, 0.7, 0.9])
    assert pareto(costs, values, "max").tolist() == [0, 1, 4]
    assert pareto(costs, values, "min").tolist() == [0]


def test_power_law_is_found_again_and_no_accuracy_passes_one() -> None:
    sizes = np.array([250, 500, 1000, 2000, 4000, 8000])
    law = fit(sizes, 0.98 - 3 * sizes**-0.5)
    assert law
    assert (law.limit, law.gain, law.rate) == pytest.approx((0.98, 3, 0.5), rel=1e-3)
    rising = fit(sizes, 0.99 - 0.3 * (sizes / 250) ** -0.08)
    assert rising
    assert rising.limit <= 1
    assert fit(sizes[:3], sizes[:3] / 1e4) is None


def test_power_law_whose_limit_is_cut_to_one_is_still_that_of_least_squares() -> None:
    sizes = np.array([100.0, 300, 1000, 3000, 10000, 60000])
    law = fit(sizes, 1 - 2 * sizes**-0.3 + [-0.002, 0, 0, 0, 0, 0.002])
    assert law
    assert (law.limit, law.gain, law.rate) == pytest.approx((1, 2, 0.3), rel=0.01)


def test_each_sample_size_is_shown_by_its_best_configuration_by_validation(tmp_path: Path) -> None:
    rows = [
        trial(n, value, {"filters": 32 + n}, sample_size=size, test_accuracy=test)
        for n, (size, value, test) in enumerate([(500, 0.8, 0.70), (500, 0.7, 0.9), (1000, 0.85, 0.8)])
    ]
    measure, data = by_sample_size(load(write(tmp_path / "a", rows)))
    assert measure == "test_accuracy"
    assert data[["sample_size", "value", "configurations"]].to_numpy().tolist() == [[500, 0.7, 2], [1000, 0.8, 1]]


def test_logarithmic_range_and_inactive_values_have_their_places(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40)))
    rate = scale(results, "config.learning_rate", results.trials)
    assert rate.log
    assert rate.positions == pytest.approx(np.log10(results.trials["config.learning_rate"]))
    depth = scale(results, "config.unfreeze_depth", results.trials)
    assert np.isnan(depth.positions).tolist() == results.trials["config.unfreeze_depth"].isna().tolist()
    network = scale(results, "config.network", results.trials)
    assert network.discrete
    assert network.labels == ("two_conv", "vgg16")


def test_ends_of_a_range_and_counts_are_written_in_full(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"units": units, "steps": units * 10}) for n, units in enumerate((64, 128, 255))]
    space = dataclasses.replace(SPACE, parameters={"units": Int(64, 256, log=True), "steps": Int(500, 3000)})
    results = load(write(tmp_path / "a", rows, space=space))
    assert scale(results, "config.units", results.trials).labels == ("64", "128", "256")
    assert scale(results, "config.steps", results.trials).labels == ("500", "1000", "1500", "2000", "2500", "3000")


def test_parallel_lines_stay_within_their_axes_but_for_inactive_ones(tmp_path: Path) -> None:
    data = parallel(load(write(tmp_path / "a", searched(40))))
    known = data.heights[data.heights >= 0]
    assert known.max() <= 1
    assert data.values[0] == data.values[~data.pruned].max()
    assert (data.heights < 0).sum() == np.isnan(
        data.scales[data.columns.index("config.unfreeze_depth")].positions
    ).sum()


def test_slice_and_contour_begin_with_the_best(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40)))
    assert all(one.values[0] == one.values[~one.pruned].max() for one in slices(results))
    assert all(one.pruned.sum() == (results.trials["state"] == "pruned").sum() for one in slices(results))
    two = contour(results, ["config.learning_rate", "config.unfreeze_depth"])
    trained = results.trials[results.trials["state"] != "failed"]
    assert len(two.values) == trained["config.unfreeze_depth"].notna().sum()
    with pytest.raises(SearchError, match="two parameters, and 1"):
        contour(results, ["config.filters"])


def test_mean_of_a_choice_is_that_of_its_values_where_the_axis_is_cut_too(tmp_path: Path) -> None:
    good = [trial(n, 0.95 + n / 1000, {"filters": 32, "learning_rate": 0.01}) for n in range(9)]
    bad = [trial(9 + n, 0.1, {"filters": 32, "learning_rate": 0.02}) for n in range(2)]
    other = [trial(11 + n, 0.95 + n / 1000, {"filters": 64, "learning_rate": 0.01}) for n in range(3)]
    results = load(write(tmp_path / "a", [*good, *bad, *other]))
    (data,) = (one for one in slices(results) if one.column == "config.filters")
    assert focus(data.values, "max")
    own = [row["val_accuracy"] for row in (*good, *bad)]
    assert data.means[0].value == pytest.approx(np.mean(own))


def test_best_of_each_range_of_learning_rates(tmp_path: Path) -> None:
    done = load(write(tmp_path / "a", searched(60))).complete()
    best = best_by_range(done["config.learning_rate"], done["val_accuracy"], "max", bins=4)
    assert len(best) == 4
    assert best["value"].max() == done["val_accuracy"].max()
    assert best["rate"].is_monotonic_increasing


def test_recall_and_precision_are_those_of_the_counts(tmp_path: Path) -> None:
    root = write(tmp_path / "a", [trial(0, 0.9, {"filters": 32}), trial(1, 0.8, {"filters": 64})])
    write_predictions(root, "t00001")
    predictions = best_predictions(load(root))  # The best trial has none: the next one's are taken.
    frame, scores = predictions.frame, per_class(predictions).set_index("class")
    dogs = frame[frame["label"] == 1]
    assert predictions.number == 1
    assert scores.loc["dog", "recall"] == pytest.approx((dogs["predicted"] == 1).mean())
    assert scores.loc["dog", "precision"] == pytest.approx((frame.loc[frame["predicted"] == 1, "label"] == 1).mean())
    assert scores["images"].sum() == 300


def test_images_per_class_come_from_the_manifest_or_from_the_test_labels(tmp_path: Path) -> None:
    root = write(tmp_path / "a", [trial(0, 0.9, {"filters": 32})])
    with pytest.raises(SearchError, match="no stored test predictions"):
        images_per_class(load(root))
    write_predictions(root, "t00000")
    assert images_per_class(load(root))["test"].sum() == 300
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["dataset"]["class_counts"] = {"train": [5, 6, 7], "test": [1, 2, 3]}
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert images_per_class(load(root)).loc["dog"].to_dict() == {"train": 6, "test": 2}


def test_overlapping_trials_of_one_worker_count_once(tmp_path: Path) -> None:
    rows = [trial(n, 0.9, {"filters": 32}, worker=worker) for n, worker in enumerate(["a", "a", "b"])]
    data = timeline(load(write(tmp_path / "a", rows)))  # They begin at 0, 10, 20 s and take 14 s each.
    assert busy(data).to_dict() == pytest.approx({"a": 24 / 34, "b": 14 / 34})


def test_axis_is_cut_only_where_bad_outliers_lie() -> None:
    good = list(np.linspace(0.9, 0.95, 20))
    assert robust_limits(good, "max") is None
    limits = robust_limits([*good, 0.1], "max")
    assert limits
    assert 0.7 < limits[0] < 0.9 < max(good) < limits[1]
    assert robust_limits([*good, 0.1], "min") is None


def test_schedules_hold_every_member_and_the_line_that_led_to_the_best(tmp_path: Path) -> None:
    rows = [trial(n, value, {"learning_rate": rate}) for n, (value, rate) in enumerate(MEMBERS)]
    rows[1] |= {"state": "pruned", "epochs": 2}
    rows[2] |= {"parent": "t00000", "parent_epoch": 2, "epochs": 3}
    rows[3] |= {"parent": "t00002", "parent_epoch": 4, "epochs": 1}
    options = {"trials": 4, "stopping": "population"}
    results = load(write(tmp_path / "a", rows, options=options))
    found = segments(results)
    assert found[["begin", "end", "led"]].to_numpy().tolist() == [[0, 5, 2], [0, 2, 0], [2, 5, 4], [4, 5, 5]]
    assert changed(results, found) == ["config.learning_rate"]
    assert "2 trials go on with the training of another" in " ".join(notes(results))
    assert "search.use reproduce" in " ".join(command for _, command in again(results.sources[0], results))


MEMBERS = ((0.8, 0.01), (0.3, 0.1), (0.85, 0.012), (0.9, 0.0144))


def test_no_schedules_are_drawn_without_a_population(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="no trial goes on with the training of another"):
        segments(load(write(tmp_path / "a", searched(5))))
