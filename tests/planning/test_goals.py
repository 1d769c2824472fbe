"""Objectives and constraints as a space or a command line gives them, and what is refused before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import SearchError
from search.goals import Constraint, Goals
from search.keywords import keyword_words
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import DONE, main

pytestmark = pytest.mark.usefixtures("elsewhere")

SPACE = """
from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(train, {{"filters": Choice(4, 8), "dropout": Float(0, 0.5)}}, "digits", trials=7, {})
"""
BOTH = "--objective val_accuracy:max --objective num_parameters:min"


def plan(line: str = "", fields: str = "") -> Plan:
    Path("given.py").write_text(SPACE.format(fields))
    words = ("given.py", *line.split())
    return make_plan(parse(words), words, warn=print)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ("objectives={'num_parameters': 'min', 'val_loss': 'min'}, constraints={'num_parameters': '<= 2e4'}", ""),
        ("", "--objective num_parameters:min --objective val_loss:min --constraint num_parameters<=2e4"),
        ("metric='accuracy', mode='max', sampler='mfgp'", "--objective num_parameters:min --objective val_loss:min"),
    ],
)
def test_first_objective_by_epoch_is_followed_and_the_sampler_is_one_for_several(fields: str, line: str) -> None:
    made = plan(line, fields)
    assert made.space.objectives == {"num_parameters": "min", "val_loss": "min"}
    assert (made.space.metric, made.space.mode) == ("val_loss", "min")
    assert (made.space.sampler, made.space.stopping) == ("tpe", "none")
    assert plan(f"{line} --stopping asha", fields).space.stopping == "asha"
    assert make_manifest(made)["space"]["objectives"] == {"num_parameters": "min", "val_loss": "min"}


def test_named_metric_is_followed_and_need_be_no_objective() -> None:
    space = plan(f"{BOTH} --metric val_loss").space
    assert (space.metric, space.mode, list(space.objectives)) == ("val_loss", "min", ["val_accuracy", "num_parameters"])


@pytest.mark.parametrize(
    ("fields", "line", "words"),
    [
        ("objectives={'val_accuracy': 'max', 'num_parametres': 'min'}", "", "no metric 'num_parametres'. Did you mean"),
        ("constraints={'size': '<= 3'}", "", "yields no metric 'size'"),
        ("objectives={'val_accuracy': 'max'}", "", "has only 'val_accuracy'; expected two or more"),
        ("objectives={'val_accuracy': 'up', 'num_parameters': 'min'}", "", "'val_accuracy': 'up'; expected one of"),
        ("objectives=['val_accuracy']", "", "expected a dict, like"),
        ("constraints={'num_parameters': '< 3'}", "", "expected '<= NUMBER' or '>= NUMBER'"),
        ("constraints={'num_parameters': '<= many'}", "", "expected '<= NUMBER' or '>= NUMBER'"),
        ("constraints={'test_accuracy': '>= 0.9'}", "", "would choose by the test set"),
        ("objectives={'num_parameters': 'min', 'train_seconds': 'min'}", "", "no objective is known after every epoch"),
        ("metric='num_parameters'", "", "is known only at the end of a trial"),
        ("mode='min', objectives={'val_accuracy': 'max', 'num_parameters': 'min'}", "", "leave out mode"),
        (
            "",
            f"{BOTH} --sampler mfgp",
            "sampler 'mfgp' learns from one metric, and objectives has several; expected tpe",
        ),
        ("", "--objective val_accuracy", "not an objective; expected one like val_accuracy:max"),
        ("", "--constraint num_parameters", "not a constraint; expected one like"),
    ],
)
def test_wrong_goal_is_refused_before_training(fields: str, line: str, words: str) -> None:
    with pytest.raises(SearchError) as refused:
        plan(line, fields)
    assert words in str(refused.value)


def test_dry_run_tells_the_goals(capsys: pytest.CaptureFixture[str]) -> None:
    plan()
    assert main(["given.py", *BOTH.split(), "--constraint", "num_parameters <= 2e4", "--dry-run"]) == DONE
    said = capsys.readouterr().out
    assert "the Pareto front of val_accuracy (max), num_parameters (min)" in said
    assert "num_parameters <= 2e4" in said
    assert "sampler tpe" in said


def test_python_gives_goals_as_dicts() -> None:
    goals = {"objective": {"val_loss": "min", "num_parameters": "min"}, "constraint": {"num_parameters": "<= 1e6"}}
    options = parse(["s", *keyword_words(goals)])
    assert (options.objectives, options.constraints) == (goals["objective"], goals["constraint"])


def test_excess_is_a_share_of_the_bound_and_positive_where_it_is_violated() -> None:
    assert Constraint.read("a", "<= 200").excess(300.0) == pytest.approx(0.5)
    assert Constraint.read("a", ">= 200").excess(300.0) == pytest.approx(-0.5)
    assert Constraint.read("a", ">=-2").excess(-3.0) == pytest.approx(0.5)
    assert Constraint.read("a", "<= 0").excess(0.0) == 0


def test_front_holds_equal_ones_and_what_is_best_in_any_objective() -> None:
    goals = Goals("a", "max", {"a": "max", "b": "min"})
    values = {"best a": (3.0, 9.0), "middle": (2.0, 5.0), "twin": (2.0, 5.0), "worse": (2.0, 6.0), "best b": (0.0, 1.0)}
    assert goals.front(values) == ["best a", "middle", "twin", "best b"]


def test_example_of_the_guide_is_planned_as_it_stands_there() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "objectives.md").read_text()
    Path("guide.py").write_text(guide.split("```python\n")[1].split("```")[0])
    made = make_plan(parse(["guide.py"]), ("guide.py",), warn=print)
    assert (made.space.metric, made.space.sampler, made.trials) == ("val_accuracy", "tpe", 60)
