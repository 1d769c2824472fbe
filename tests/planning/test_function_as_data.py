"""A space whose data set is a function, or missing: what is planned, stored and said."""

from pathlib import Path

import pytest

from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import DONE, main
from search.space import Float, Space

pytestmark = pytest.mark.usefixtures("elsewhere")

SPACE = """
from search.space import Float, Space
from trainables.image_classifier import train_with

def rows(config, trial):
    raise AssertionError("a plan calls no data function")

space = Space(train_with(print), {"rate": Float(0, 1)}, dataset=DATASET, trials=3)
"""


def plan(*options: str, dataset: str = "rows") -> Plan:
    Path("given.py").write_text(SPACE.replace("DATASET", dataset))
    words = ("given.py", *options)
    return make_plan(parse(words), words, warn=print)


def test_function_is_called_by_its_name_in_trials_and_the_manifest() -> None:
    made = plan()
    assert made.dataset is None
    assert made.trial_config({"rate": 0.5})["dataset"] == "rows()"
    assert make_manifest(made)["space"]["dataset"] == "rows()"
    assert "data_fingerprint of trials tells which arrays" in make_manifest(made)["space"]["data"]
    assert "data" not in make_manifest(plan("--dataset", "digits"))["space"]


def test_dry_run_names_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    plan()
    assert main(["given.py", "--dry-run"]) == DONE
    assert "rows(), which trials call" in capsys.readouterr().out


def test_smoke_run_leaves_the_sizes_of_what_a_function_gives_alone() -> None:
    assert plan("--smoke").space.fixed == {"epochs": 1}
    assert plan("--smoke", "--dataset", "digits").space.fixed["sample_size"] == 200


def test_data_set_of_the_command_line_takes_the_functions_place() -> None:
    made = plan("--dataset", "digits")
    assert made.dataset is not None
    assert made.trial_config({})["dataset"] == "digits"


def test_trainable_that_takes_data_is_refused_without() -> None:
    with pytest.raises(SearchError, match=r"no data set is given; expected `dataset=` in the space"):
        plan(dataset="None")


def test_data_set_that_is_neither_name_nor_function_is_refused() -> None:
    with pytest.raises(SearchError, match=r"dataset=7; expected a name, a path, or a function of \(config, trial\)"):
        Space(print, {"rate": Float(0, 1)}, dataset=7, trials=1)  # type: ignore[arg-type]
