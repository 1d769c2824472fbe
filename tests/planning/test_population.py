"""A population on the command line: what its plan says, and what is refused before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import main

pytestmark = pytest.mark.usefixtures("elsewhere")

SPACE = """
from search.space import Float, Int, Space
from trainables.image_classifier import train

rates = {{"learning_rate": Float(1e-4, 1e-1, log=True), "dropout": Float(0, 0.5), "filters": Int(4, 8)}}
given = {{"members": 8, "interval": 2, "change": ["learning_rate", "dropout"]}}
fields = {{"trainable": train, "parameters": rates, "dataset": "digits"}}
fields |= {{"fixed": {{"epochs": 10}}, "population": given}}
space = Space(**{{**fields, **dict({})}})
"""


def plan(line: str = "", fields: str = "") -> Plan:
    Path("given.py").write_text(SPACE.format(fields))
    words = ("given.py", *line.split())
    return make_plan(parse(words), words, warn=print)


def test_one_population_is_searched_unless_more_trials_are_asked_for() -> None:
    made = plan()
    assert made.trials == 8 + 4 * 2
    assert plan("--set epochs=20").trials == 8 + 9 * 2
    assert plan("--trials 50").trials == 50
    assert make_manifest(made)["options"]["stopping_options"] == {
        **{"members": 8, "interval": 2, "quantile": 0.25, "resample": 0.25}
    }


def test_smoke_run_has_no_population_since_it_trains_one_epoch() -> None:
    made = plan("--smoke")
    assert (made.space.population, made.space.stopping, made.trials) == (None, "none", 2)


def test_dry_run_tells_members_comparisons_and_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("given.py").write_text(SPACE.format(""))
    assert main(["given.py", "--dry-run"]) == 0
    said = capsys.readouterr().out
    told = (
        "8 members; every 2 epochs the 2 worst give way to followers of the 2 best, with other learning_rate, dropout"
    )
    assert told in " ".join(said.split())
    assert "about 80 epochs in all" in said


@pytest.mark.parametrize(
    ("fields", "line", "message"),
    [
        ("", "--stopping asha", "leave out stopping"),
        ("", "--fidelity both", "leave out stopping"),
        ("", "--sampler mfgp", "sampler='mfgp' learns from trials"),
        ("", "--repeats 3", "expected repeats=1"),
        ("", "--trials 4", "less than the 8 members"),
        ("", "--set epochs=2", "interval=2, and trials have 2 epochs; expected a smaller interval"),
        ("", "--set learning_rate=0.1", "changes 'learning_rate', which is no parameter"),
        ("", "--objective val_loss:min --objective num_parameters:min", "by one metric"),
        ("fixed={}, trials=9", "", "trials of one length; expected one number of `epochs`"),
        ("population={**given, 'change': ['filters']}", "", "'filters' cannot change in the middle of a training"),
        ("fixed={'epochs': 9, 'reduce_on_plateau': 2}", "", "both change the learning rate"),
        ("trainable=(lambda config, trial: iter(())), dataset=None", "", "does not declare that a training can go on"),
        ("parameters=lambda trial: {}, trials=9", "", "this space is a function"),
    ],
)
def test_what_cannot_be_a_population_is_refused_in_one_line(fields: str, line: str, message: str) -> None:
    with pytest.raises(SearchError, match=message) as refused:
        plan(line, fields)
    assert "\n" not in str(refused.value)
