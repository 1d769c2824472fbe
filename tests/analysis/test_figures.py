"""Figures: the numbers behind them, and that every kind draws what it says."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.command import run
from analysis.figures import KINDS, make, save
from analysis.figures.__main__ import figures
from analysis.figures.bars import bars, draw_bars
from analysis.figures.classes import images_per_class
from analysis.figures.curves import group_curves
from analysis.figures.drawing.style import BEST, GROUPS, PHONE, STATES, TEST, TRAIN, VALIDATION, panels, phone
from analysis.load import load
from analysis.numbers.by_epoch import curves, spread
from search.errors import SearchError
from tests.support.analysis_world import SPACE, searched, trial, write, write_predictions


def test_curves_have_a_row_for_each_trial_and_end_where_it_was_stopped(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(12)))
    keys, matrix = curves(results, "val_accuracy")
    lengths = dict(zip(keys, np.isfinite(matrix).sum(axis=1), strict=True))
    assert matrix.shape == (12, 5)
    assert lengths == results.trials.set_index("key")["epochs"].to_dict()


def test_grouped_curves_hold_every_trial_once(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(12)))
    groups = group_curves(results, "val_accuracy", ["config.network", "config.filters"])
    assert sum(len(matrix) for _, matrix in groups) == 12
    assert groups[0][0] == "network=two_conv, filters=32"


def test_spread_counts_only_the_trials_that_reached_an_epoch() -> None:
    matrix = np.array([[1.0, 5.0], [3.0, np.nan]])
    assert spread(matrix, [0.0, 0.5]).tolist() == [[1.0, 5.0], [2.0, 5.0]]


def test_bars_stand_in_order_of_validation_with_the_test_interval(tmp_path: Path) -> None:
    rows = [trial(0, 0.90, {"filters": 32}), trial(1, 0.94, {"filters": 64}, test_accuracy=0.5)]
    data = bars(load(write(tmp_path / "a", rows)))
    assert data.index.tolist() == ["1: filters=64", "0: filters=32"]
    assert data["test"].tolist() == pytest.approx([0.5, 0.89])
    assert (data["test_low"] < data["test"]).all()
    assert (data["test"] < data["test_high"]).all()


def test_groups_have_colours_that_mean_nothing_else() -> None:
    assert not set(GROUPS) & {TRAIN, VALIDATION, TEST, BEST, *STATES.values()}


def test_figures_for_a_phone_stand_upright_with_no_letter_under_seven_points(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(20, repeats=1)))
    for kind in ("curves", "compare", "slice"):
        with phone():
            drawn = make(kind, results)
        width, height = drawn.get_size_inches()
        assert width == PHONE < height
        for axes in drawn.axes:
            texts = (*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts)
            assert all(float(text.get_fontsize()) >= 7 for text in texts)


def test_what_is_counted_has_ticks_at_whole_numbers_and_one_thing_is_drawn_in_one_way(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(20)))
    by_trials, _, by_epochs = make("progress", results).axes
    for ticks in (by_trials.get_xticks(), by_epochs.get_xticks(), by_epochs.get_yticks()):
        assert all(float(tick).is_integer() for tick in ticks)
    for by in ([], ["filters"]):
        assert not any(axes.patches for axes in make("compare", results, by).axes)  # Points, never bars.


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written_as_png_and_svg(tmp_path: Path, kind: str) -> None:
    rows = searched(40, repeats=1)
    for row in rows:
        row["sample_size"] = 500 if row["config.filters"] == 32 else 1000
    if kind == "schedules":
        for row in rows[1:]:
            row |= {"parent": rows[0]["trial_id"], "parent_epoch": 1}
    goals = {"val_accuracy": "max", "num_parameters": "min"} if kind == "front" else {}
    root = write(tmp_path / "a", rows, dataclasses.replace(SPACE, objectives=goals, sampler="tpe"))
    write_predictions(root, "t00035")
    png, svg = save(make(kind, load(root)), tmp_path, kind)
    assert png.read_bytes().startswith(b"\x89PNG")
    picture = np.asarray(Image.open(png).convert("L"))
    rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert rim.min() == 255, "something is cut off at the rim"
    assert "<svg" in svg.read_text()


def test_kind_that_cannot_group_refuses_to_rather_than_ignore_it(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="timeline does not group"):
        make("timeline", load(write(tmp_path / "a", searched(5))), ["filters"])


def test_same_results_give_the_same_files(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(10))
    one = [path.read_bytes() for path in save(make("curves", load(root)), tmp_path / "one", "curves")]
    two = [path.read_bytes() for path in save(make("curves", load(root)), tmp_path / "two", "curves")]
    assert one == two


def test_command_writes_into_the_experiment_and_names_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "a", searched(10))
    assert run(figures, [str(root), "--kind", "curves", "compare", "--by", "filters"]) == 0
    assert (root / "figures" / "curves.png").is_file()
    assert (root / "figures" / "compare.svg").is_file()
    assert str(root / "figures" / "compare.svg") in capsys.readouterr().out


@pytest.mark.filterwarnings("error")
def test_names_of_any_characters_are_drawn_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Dollar signs, between which others write formulas, and letters of a script for which there is no font."""
    settings = [{"$x_1_2$": n, "\U0001f9ff": f"$a_b_{n}$" if n % 2 else "x" * 200} for n in range(9)]
    root = write(tmp_path / "a", [trial(n, 0.9 - n / 100, config) for n, config in enumerate(settings)])
    assert run(figures, [str(root), "--kind", "compare", "slice"]) == 0
    assert "no installed font has \U0001f9ff, and boxes" in capsys.readouterr().err
    drawn = make("compare", load(root))
    save(drawn, tmp_path, "compare")
    axes = drawn.axes[0]
    ends = [tick.get_window_extent() for tick in axes.get_xticklabels() if tick.get_text()]
    assert all(one.x1 < other.x0 for one, other in pairwise(ends)), "the numbers of an axis stand apart"
    assert any(r"$x_1_2$=0" in tick.get_text() for tick in axes.get_yticklabels())


def test_kind_without_its_data_is_refused_alone_and_passed_over_among_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "a", searched(10), epochs=False)
    with pytest.raises(SearchError, match="no curves"):
        figures([str(root), "--kind", "curves"])
    figures([str(root)])
    assert "no curves: a has no curves" in capsys.readouterr().err
    assert (root / "figures" / "compare.png").is_file()


def test_curves_count_trials_not_their_repeats_and_the_best_is_drawn_as_the_mean_of_its_seeds(tmp_path: Path) -> None:
    rows = [trial(n, 0.9 - n / 100, {"filters": n}) for n in range(6)]
    rows.append({**trial(6, 0.8, {"filters": 0}, seed=1, repeat_of="t00000"), "number": 0})
    results = load(write(tmp_path / "a", rows))
    axes = make("curves", results).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert labels[0] == "validation of 6 trials"
    assert "best: trial 1, one run" in labels  # The mean of trial 0 is 0.85.
    drawn = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
    keys, matrix = curves(results, "val_accuracy")
    assert drawn["best: trial 1, one run"] == pytest.approx(matrix[keys.index("t00001")])


def test_images_that_no_trial_had_are_not_counted_as_training_images(tmp_path: Path) -> None:
    counts = {"train": [500, 500, 200], "validation": [99, 99, 99], "test": [100, 100, 100]}
    dataset = {"name": "digits", "class_names": ["cat", "dog", "panda"], "class_counts": counts}
    rows = [trial(n, 0.9, {"filters": n}, sample_size=120) for n in range(2)]
    table = images_per_class(load(write(tmp_path / "a", rows, dataset=dataset)))
    assert table["train"].tolist() == [50, 50, 20]
    assert table["train, not used"].tolist() == [450, 450, 180]


def test_small_values_stand_beside_their_points_with_their_digits() -> None:
    _, (axes,) = panels()
    draw_bars(axes, pd.DataFrame({"validation": [1.5e-6, 0.25]}, index=["a", "b"]), "validation", BEST)
    assert [text.get_text() for text in axes.texts] == ["1.5e-06", "0.2500"]
