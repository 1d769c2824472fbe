"""A fidelity of images, as plain values: shares, rungs, what is compared and what is refused. Nothing is trained."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import rich.console

from search.console import Console
from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import describe_options
from search.screen.dry_run import print_plan
from search.stopping import Decision, make_rule
from search.stopping.fidelity import comparable
from trainables.trial import ALL_AT_ONCE, Growth

BOTH = Growth(((1, 1 / 27), (3, 3 / 27), (9, 9 / 27)))


def growth(fidelity: str, epochs: int | None, **options: float) -> Growth:
    return make_rule("asha", "max", {"fidelity": fidelity, **options}, epochs).growth()


def test_share_of_the_images_up_to_a_rung_is_its_share_of_the_epochs() -> None:
    assert growth("both", 27) == BOTH
    assert [BOTH.share(epoch) for epoch in (1, 2, 3, 4, 9, 10, 27)] == pytest.approx(
        [1 / 27, 3 / 27, 3 / 27, 9 / 27, 9 / 27, 1, 1]
    )
    assert growth("both", 20, min_epochs=2, reduction_factor=2).steps == ((2, 0.1), (4, 0.2), (8, 0.4))


@pytest.mark.parametrize("epochs", range(3, 100))
def test_trial_that_passes_all_rungs_has_all_images_for_most_of_its_epochs(epochs: int) -> None:
    shares = [growth("both", epochs).share(epoch) for epoch in range(1, epochs + 1)]
    assert shares == sorted(shares)
    assert shares.count(1.0) >= epochs * 2 // 3
    assert (
        make_rule("asha", "max", {"fidelity": "both"}, epochs).rungs() == make_rule("asha", "max", {}, epochs).rungs()
    )


def test_fidelity_of_images_alone_puts_a_whole_training_before_each_rung() -> None:
    rule = make_rule("asha", "max", {"fidelity": "sample_size"}, 27)
    assert rule.rungs() == (27, 54, 81)
    assert rule.growth() == Growth(((27, 1 / 27), (54, 3 / 27), (81, 9 / 27)), anew=True)
    assert (rule.growth().length(27), BOTH.length(27)) == (108, 27)


@pytest.mark.parametrize(
    ("name", "options"), [("asha", {}), ("asha", {"fidelity": "epochs"}), ("median", {}), ("none", {})]
)
def test_other_rules_give_all_images_at_once(name: str, options: dict[str, float | str]) -> None:
    assert make_rule(name, "max", options, 27).growth() == ALL_AT_ONCE


def test_trial_is_measured_at_a_rung_by_what_it_did_on_that_part_of_the_images() -> None:
    for fidelity, decision in (("both", Decision.STOP), ("epochs", Decision.CONTINUE)):
        rule = make_rule("asha", "max", {"fidelity": fidelity}, 27)
        rule.decide("lucky", 1, 0.9)
        for trial in ("a", "b", "c"):
            rule.decide(trial, 3, 0.5)
        assert rule.decide("lucky", 3, 0.4) is decision


def test_same_reports_rebuild_a_rule_with_a_fidelity() -> None:
    reports = [(str(trial), epoch, math.sin(trial * epoch)) for epoch in range(1, 10) for trial in range(12)]
    first, again = (make_rule("asha", "max", {"fidelity": "both"}, 27) for _ in range(2))
    assert [first.decide(*report) for report in reports] == [again.decide(*report) for report in reports]
    assert {first.decide(*report) for report in reports} == {Decision.CONTINUE}


def test_epochs_are_comparable_on_as_large_a_part_as_the_last() -> None:
    def left(last: int) -> list[float]:
        return [metrics["epoch"] for metrics in comparable([{"epoch": float(e)} for e in range(1, last + 1)], BOTH)]

    assert (left(3), left(8), left(12)) == ([2, 3], [4, 5, 6, 7, 8], [10, 11, 12])
    assert comparable([], BOTH) == []


@pytest.mark.parametrize(
    ("name", "options", "epochs", "words"),
    [
        ("asha", {"fidelity": "images"}, 27, "expected one of: epochs, sample_size, both"),
        ("median", {"fidelity": "both"}, 27, "'median' has no option 'fidelity'"),
        ("asha", {"fidelity": "both"}, None, "expected `epochs` in `fixed`"),
        ("asha", {"fidelity": "sample_size"}, 2, "of 2 epochs no rung stands early enough"),
    ],
)
def test_fidelity_that_cannot_work_is_named(
    name: str, options: dict[str, float | str], epochs: int | None, words: str
) -> None:
    with pytest.raises(SearchError, match=words):
        make_rule(name, "max", options, epochs)


def plan(
    folder: Path, *words: str, trainable: str = "image_classifier", space: str = "'filters': Choice(8, 16)"
) -> Plan:
    """The plan of a command for a space of the digits, or of Branin's function."""
    data = "dataset='digits', " if trainable == "image_classifier" else "metric='value', trials=4, "
    (folder / "given.py").write_text(
        f"from search.space import Choice, Float, Int, Space\nfrom trainables.{trainable} import train\n"
        f"space = Space(train, {{{space}}}, {data}fixed={{'epochs': 9}})\n"
    )
    given = (str(folder / "given.py"), *words)
    return make_plan(parse(given), given, warn=print)


def test_command_line_sets_the_fidelity_and_the_manifest_and_a_dry_run_tell_it(tmp_path: Path) -> None:
    made = plan(tmp_path, "--fidelity", "both")
    assert (made.fidelity, made.options.fidelity) == ("both", "both")
    assert describe_options(made)["fidelity"] == "both"
    said = io.StringIO()
    print_plan(Console(screen=rich.console.Console(file=said, width=200)), made)
    assert "after epoch 1, 3; 0.11 of the training images until epoch 1; 0.33 of the training" in said.getvalue()


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [("random", "90 trials reach epoch 1, 30 epoch 3"), ("mfgp", "90 trials reach epoch 1, 50")],
)
def test_a_dry_run_expects_more_to_go_on_of_what_a_model_proposes(sampler: str, expected: str, tmp_path: Path) -> None:
    said = io.StringIO()
    made = plan(tmp_path, "--trials", "90", "--sampler", sampler)
    print_plan(Console(screen=rich.console.Console(file=said, width=200)), made)
    assert f"about {expected}" in said.getvalue()


def test_smoke_run_has_no_fidelity(tmp_path: Path) -> None:
    assert plan(tmp_path, "--fidelity", "both", "--smoke").fidelity == "epochs"


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        (
            ["--fidelity", "both"],
            {"trainable": "branin", "space": "'x1': Float(-5, 10)"},
            "does not declare that it can",
        ),
        (["--fidelity", "both", "--stopping", "none"], {}, "'none' has no option 'fidelity'"),
        (["--fidelity", "sample_size", "--set", "epochs=2"], {}, "no effect: of 2 epochs"),
        (["--fidelity", "both"], {"space": "'second_epochs': Int(1, 9)"}, "'second_epochs' is a parameter; pin it"),
    ],
)
def test_fidelity_that_the_search_cannot_follow_is_refused_in_one_line(
    tmp_path: Path, words: list[str], given: dict[str, str], message: str
) -> None:
    with pytest.raises(SearchError, match=message) as refused:
        plan(tmp_path, *words, **given)
    assert "\n" not in str(refused.value)
