"""Several objectives and constraints in tables, sentences and figures, from the folder alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from analysis.configurations import configurations
from analysis.figures import make
from analysis.figures.front import objectives
from analysis.findings import notes
from analysis.load import load
from analysis.report.live.standing import best
from analysis.report.page import page
from analysis.tables import configuration_table, trial_table
from search.errors import SearchError
from tests.support.analysis_world import SPACE, Row, searched, trial, write

GOALS = {"objectives": {"val_accuracy": "max", "num_parameters": "min"}, "constraints": {"num_parameters": "<= 5e3"}}


def rows() -> list[Row]:
    """Trials 0, 2 and 3 are on the front; 4 would lead it, if it kept the constraint."""
    values = [(0.90, 900), (0.80, 950), (0.95, 2000), (0.70, 100), (0.99, 9000)]
    found = [
        trial(n, v, {"filters": 32, "learning_rate": 10 ** -(n + 1)}, num_parameters=size)
        for n, (v, size) in enumerate(values)
    ]
    found[4]["violates"] = "num_parameters 9000, not <= 5e3"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    space = dataclasses.replace(SPACE, metric=None, mode=None, sampler=None, **GOALS)  # type: ignore[arg-type]  # mixed
    return write(tmp_path / "a", rows(), space)


def test_front_stands_on_top_and_what_violates_a_constraint_in_no_comparison(folder: Path) -> None:
    results = load(folder)
    table = configurations(results)
    assert table["number"].tolist() == [2, 0, 3, 1]
    assert table["on_front"].tolist() == [True, True, True, False]
    assert configuration_table(results).frame["num_parameters"].tolist() == [2000, 900, 100, 950]
    shown = trial_table(results).frame.set_index("number")
    assert shown["on_front"].isna().to_dict() == {0: False, 1: False, 2: False, 3: False, 4: True}
    assert shown.loc[4, "violates"] == "num_parameters 9000, not <= 5e3"
    live = best(results)
    assert live is not None
    assert live["trial"] == "t00002"


def test_sentences_tell_the_front_and_how_many_are_left_out(folder: Path) -> None:
    said = " ".join(notes(load(folder)))
    assert "3 of 4 configurations are on the Pareto front of val_accuracy (max), num_parameters (min)" in said
    assert "Best: trial 2 " in said
    assert "1 trial violates num_parameters <= 5e3 and is not compared." in said
    assert "inside the noise" not in said


def test_figure_and_report_have_the_front(folder: Path) -> None:
    results = load(folder)
    data = objectives(results)
    assert data["on_front"].sum() == 3
    assert data.loc[data["violates"], "num_parameters"].tolist() == [9000]
    drawn = make("front", results)
    assert drawn.axes[0].get_xlabel() == "number of parameters (min)"
    text = page(results, ["front"])
    assert 'id="front"' in text
    assert "<h3>Pareto front</h3>" in text


def test_search_by_one_metric_has_no_front(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", searched(12)))
    assert "on_front" not in configurations(results)
    with pytest.raises(SearchError, match="has one metric"):
        make("front", results)


def test_search_in_which_all_violate_says_so(tmp_path: Path) -> None:
    space = dataclasses.replace(SPACE, constraints=GOALS["constraints"])
    out = [{**row, "violates": "num_parameters 9000, not <= 5e3"} for row in rows()]
    results = load(write(tmp_path / "a", out, space))
    with pytest.raises(SearchError, match="no finished trial yet that keeps the constraints"):
        results.complete()
    assert best(results) is None
