"""Pruned trials are compared with the others: at the value that would be expected of them, with its uncertainty."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.figures import make
from analysis.figures.drawing.scales import scale
from analysis.figures.parameters.slices import slices
from analysis.load import load
from analysis.numbers.expected import expected, extrapolate
from analysis.numbers.importance import importance
from analysis.report.words import mattered
from tests.support.analysis_world import searched, trial, write
from tests.support.pruned_search import pruned_search, true_importance


def test_importance_of_a_search_with_nine_in_ten_pruned_is_near_the_truth_over_20_seeds(tmp_path: Path) -> None:
    truth, off, pruned = true_importance(), [], []
    for seed in range(20):
        results = load(pruned_search(tmp_path / str(seed), seed))
        table = importance(results, trees=8).set_index("parameter")
        assert table["importance"].idxmax() == "rate"
        assert table["configurations"].iloc[0] == 120
        off.append(sum(abs(table["importance"][name] - share) for name, share in truth.items()) / 2)
        pruned.append((results.trials["state"] == "pruned").mean())
    assert np.mean(pruned) > 0.9
    assert np.mean(off) < 0.08  # Of the seven in a hundred that were left over alone: 0.59.
    assert max(off) < 0.15


def test_setting_that_only_makes_trials_learn_faster_misleads_in_part(tmp_path: Path) -> None:
    truth, off = true_importance(), []
    for seed in range(3):
        table = importance(load(pruned_search(tmp_path / str(seed), seed, haste=1.0)), trees=8).set_index("parameter")
        off.append(sum(abs(table["importance"][name] - share) for name, share in truth.items()) / 2)
    assert np.mean(off) < 0.35  # By the last value that each had: 0.46.


def test_trial_that_stopped_is_taken_along_the_line_of_those_that_went_on() -> None:
    first = np.linspace(0.2, 0.8, 12)
    values = np.stack([first, 0.5 + 0.4 * first, 0.6 + 0.35 * first], axis=1)
    last = np.array([1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3])
    found, deviation = extrapolate(np.where(np.arange(1, 4) <= last[:, None], values, np.nan), last)
    assert found[last == 3].tolist() == values[last == 3, 2].tolist()
    assert (deviation[last == 3] == 0).all()
    assert np.abs(found - values[:, 2]).max() < 0.12  # The slope is drawn towards 1 by three trials' weight.
    assert (deviation[last == 1] >= deviation[last == 2].max()).all()
    assert np.argsort(found)[:4].tolist() == [0, 1, 2, 3]


def test_nobody_that_went_on_leaves_every_lead_as_it_was() -> None:
    found, deviation = extrapolate(np.array([[0.5, np.nan], [0.7, np.nan]]), np.array([1, 1]))
    assert found.tolist() == [0.5, 0.7]
    assert deviation.tolist() == [0, 0]


def test_pruned_trials_stand_behind_the_complete_ones_and_repeats_are_none(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40, repeats=2)))
    table = expected(results)
    states = table["state"].tolist()
    assert states == sorted(states)
    assert len(table) == results.first_runs["state"].isin(["complete", "pruned"]).sum()
    assert table.loc[table["state"] == "complete", "value"].equals(table.loc[table["state"] == "complete", "mean"])


def test_without_values_by_epoch_pruned_trials_are_left_out(tmp_path: Path) -> None:
    table = expected(load(write(tmp_path / "a", searched(40), epochs=False)))
    assert set(table["state"]) == {"complete"}


def test_pruned_trials_stand_at_their_value_over_the_learning_rate_and_not_on_the_axis(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(40)))
    axes = make("learning_rate", results).axes[0]
    (crosses,) = (drawn for drawn in axes.collections if drawn.get_label() == "pruned")
    heights = np.asarray(crosses.get_offsets())[:, 1]
    assert len(heights) == (results.trials["state"] == "pruned").sum()
    assert len(np.unique(heights)) > len(heights) / 2
    assert heights.min() > axes.get_ylim()[0]


def test_figures_show_the_whole_searched_range_also_where_no_trial_was(tmp_path: Path) -> None:
    rows = [trial(n, 0.9 - n / 100, {"learning_rate": 10 ** (-2 - n / 20), "filters": 32}) for n in range(12)]
    results = load(write(tmp_path / "a", rows))
    (rate,) = slices(results)
    assert rate.scale.ends == pytest.approx((-4, -1))
    assert make("slice", results).axes[0].get_xlim() == pytest.approx((-4.12, -0.88))


def test_parameter_that_a_space_searched_and_that_never_varied_is_told(tmp_path: Path) -> None:
    rows = [trial(n, 0.9 - n / 100, {"learning_rate": 10 ** (-2 - n / 20), "filters": 32}) for n in range(12)]
    results = load(write(tmp_path / "a", rows))
    told = "Searched, and the same in every trial: filters=32"
    assert told in mattered(results)[-1]
    assert told in make("slice", results).get_suptitle().replace("\n", " ")


def test_define_by_run_space_has_the_ranges_and_logarithms_of_its_study(tmp_path: Path) -> None:
    rows = [trial(n, 0.9 - n / 100, {"rate": 0.01 + n / 1000, "kind": "ab"[n % 2]}) for n in range(12)]
    root = write(tmp_path / "a", rows)
    stored = json.loads((root / "manifest.json").read_text())
    stored["space"]["parameters"] = {}
    (root / "manifest.json").write_text(json.dumps(stored))
    rate = '{"name": "FloatDistribution", "attributes": {"low": 1e-05, "high": 0.1, "log": true, "step": null}}'
    kind = '{"name": "CategoricalDistribution", "attributes": {"choices": ["b", "a", "c"]}}'
    line = json.dumps({"op_code": 4, "distributions": {"rate": rate, "kind": kind}})
    (root / "study.journal").write_text(f'{{"op_code": 0}}\n{line}\n{line[:50]}')
    results = load(root)
    assert results.searched == ["config.rate", "config.kind"]
    one = scale(results, "config.rate", results.trials)
    assert one.log
    assert one.ends == pytest.approx((-5, -1))
    assert scale(results, "config.kind", results.trials).labels == ("b", "a")
