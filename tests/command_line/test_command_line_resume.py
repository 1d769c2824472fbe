"""What a search that goes on may change, and what it is refused for; experiments are begun here without training."""

import json
from pathlib import Path

import pytest

from search.experiment.folder import Experiment
from search.experiment.manifest import MANIFEST
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import USER_ERROR, main

SPACE = """
from search.space import Choice, Float, Space
from trainables.branin import train
from neighbour import BOUNDS

space = Space(train, {"x1": Float(*BOUNDS), "x2": Choice(1, 2), "epochs": Choice(1, 3)}, metric="value", trials=7)
"""


@pytest.fixture(autouse=True)
def given(elsewhere: None) -> None:
    """The space file, in an empty folder."""
    Path("given.py").write_text(SPACE.replace("from neighbour import BOUNDS", "BOUNDS = (-5, 5)"))


def plan_of(line: str) -> Plan:
    words = tuple(line.split())
    return make_plan(parse(words), words, warn=print)


def begin(line: str = "given.py") -> Experiment:
    plan = plan_of(line)
    return Experiment.create(plan.root, plan.space, plan.space_file.text, make_manifest(plan))


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(words)
    out, error = capsys.readouterr()
    assert (code, out, error.count("\n")) == (USER_ERROR, "", 1), out + error
    return error


CHANGES = [
    ("", "--seed 3", "--seed 3 differs from the experiment's --seed 0"),
    ("--seed 4", "--seed 3", "--seed 3 differs from the experiment's --seed 4"),
    ("--sampler random", "--sampler tpe", "--sampler tpe differs from the experiment's --sampler random"),
    ("--stopping none", "--stopping median", "--stopping median differs from the experiment's --stopping none"),
    ("", "--set x2=2", "--set x2=2 differs from the experiment, begun without --set"),
    ("--set x2=2", "--set x2=1", "--set x2=1 differs from the experiment's --set x2=2"),
    ("", "--smoke", "--smoke differs from the experiment, begun without --smoke"),
    (
        "",
        "--objective value:max --objective train_seconds:min",
        "--objective value:max --objective train_seconds:min differs from the experiment, begun without --objective",
    ),
    ("--constraint value>=-9", "--constraint value>=-5", "--constraint 'value>=-5' differs from the experiment's"),
    ("", "--dataset digits", "--dataset digits differs from the experiment, begun without --dataset"),
]


@pytest.mark.parametrize(("first", "then", "expected"), CHANGES)
def test_option_that_decides_results_cannot_change(
    first: str, then: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(f"given.py {first}").close()
    error = refusal(capsys, "given.py", "--resume", *then.split(), "--results", "results")
    assert expected in error
    assert "Leave it out, or search under another --name" in error


def test_options_of_the_first_run_stay_in_force() -> None:
    begin("given.py --seed 4 --sampler random --set x2=2 --repeats 3 --cpus-per-trial 0.5 --trials 9").close()
    plan = plan_of("given.py --resume")
    space = plan.space
    assert (plan.seed, space.sampler, space.fixed["x2"]) == (4, "random", 2)
    assert (space.repeats, space.cpus_per_trial, plan.trials) == (3, 0.5, 9)


def test_saying_an_option_again_is_no_change() -> None:
    line = "given.py --seed 4 --sampler random --set x2=2 x1=1.5"
    begin(line).close()
    assert plan_of(f"{line} --resume").seed == 4


def test_budgets_and_resources_may_change() -> None:
    begin("given.py --cpus-per-trial 0.5").close()
    words = "--resume --trials 70 --time-budget 2m --max-concurrent 1 --cpus-per-trial 1 --repeats 2 --retry-failed"
    plan = plan_of(f"given.py {words}")
    options = plan.options
    assert (plan.trials, options.time_budget_s, options.max_concurrent, options.retry_failed) == (70, 120, 1, True)
    assert (plan.space.cpus_per_trial, plan.space.repeats) == (1, 2)


def test_what_a_search_is_logged_to_it_is_logged_to_on() -> None:
    begin("given.py --log tensorboard").close()
    assert plan_of("given.py --resume").options.log == ("tensorboard",)
    assert plan_of("given.py --resume --log tensorboard").options.log == ("tensorboard",)


def test_search_may_be_logged_from_a_resume_on() -> None:
    begin("given.py").close()
    assert plan_of("given.py --resume").options.log == ()
    assert plan_of("given.py --resume --log tensorboard").options.log == ("tensorboard",)


def test_changed_space_file_is_refused_with_the_copy_it_was_begun_with(capsys: pytest.CaptureFixture[str]) -> None:
    begin().close()
    Path("given.py").write_text(Path("given.py").read_text() + "\n")
    assert "differs from the space that results/given was searched with (results/given/space.py)" in refusal(
        capsys, "given.py", "--resume"
    )


def test_range_that_changed_in_an_imported_file_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    bounds = tmp_path / "neighbour.py"
    Path("given.py").write_text(SPACE)
    for text in ("BOUNDS = (-5, 5)", "BOUNDS = (-5, 10)"):
        bounds.write_text(text)
        monkeypatch.delitem(__import__("sys").modules, "neighbour", raising=False)
        if "10" not in text:
            begin().close()
    assert "the space's parameters 'x1' differ from those that results/given was searched with" in refusal(
        capsys, "given.py", "--resume"
    )


def test_name_without_a_folder_is_told_the_experiments_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    begin().close()
    begin("given.py --name other").close()
    error = refusal(capsys, "given.py", "--resume", "--name", "gibben")
    assert "no experiment 'gibben' in results to resume. Did you mean given?" in error
    assert "Expected one of: given, other." in refusal(capsys, "given.py", "--resume", "--name", "zzz")


def test_folder_that_died_before_its_manifest_counts_as_empty(capsys: pytest.CaptureFixture[str]) -> None:
    begin().close()
    Path("results/given", MANIFEST).unlink()
    assert "no experiment 'given' in results to resume" in refusal(capsys, "given.py", "--resume")
    assert plan_of("given.py").trials == 7


def test_name_that_exists_is_refused_with_the_two_ways_out(capsys: pytest.CaptureFixture[str]) -> None:
    begin().close()
    error = refusal(capsys, "given.py")
    assert "results/given holds an experiment already; continue it with --resume, or give this one another" in error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "cannot be read"),
        ("[]", "is not a manifest; expected a JSON object"),
        ("{}", "lacks asked, options, sessions, space"),
    ],
)
def test_damaged_manifest_is_refused(text: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin().close()
    Path("results/given", MANIFEST).write_text(text)
    assert expected in refusal(capsys, "given.py", "--resume")
    assert main(["--list"]) == 0
    assert "damaged" in capsys.readouterr().out


def test_second_driver_on_a_folder_is_refused_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    experiment = begin()
    before = Path("results/given", MANIFEST).read_text()
    error = refusal(capsys, "given.py", "--resume")
    experiment.close()
    assert "another search is writing to results/given; wait until it has ended" in error
    assert Path("results/given", MANIFEST).read_text() == before


def test_data_that_changed_since_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("given.py").write_text("from spaces.digits_filters import space\n")
    begin().close()
    path = Path("results/given", MANIFEST)
    manifest = json.loads(path.read_text())
    manifest["dataset"]["fingerprint"] = "of other images"
    path.write_text(json.dumps(manifest))
    assert "data set 'digits' (embedded in scikit-learn) is not the one" in refusal(capsys, "given.py", "--resume")
