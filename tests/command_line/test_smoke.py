"""A smoke run: every part of a space once, as short as it can be."""

import subprocess
import sys
from pathlib import Path

import pytest

from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.smoke import smoke_space
from search.sampling import Sampling
from search.space import Choice, Float, Int, Space
from tests.support.shipped_spaces import ROOT, SPACES, plan_of_shipped, words_for
from trainables.branin import train
from trainables.settings.backbones import BACKBONES
from trainables.trial import Trial

PARAMETERS = {
    "network": Choice("small", "vgg16", "resnet"),
    "depth": Int(0, 9, when={"network": "vgg16"}),
    "blocks": Choice(2, 4, when={"network": ("resnet", "vgg16")}),
    "rate": Float(0.25, 0.5),
    "cut": Float(0, 1, when={"depth": 9}),
}


def space(**fields: object) -> Space:
    known = {"trainable": train, "parameters": PARAMETERS, "metric": "value", "trials": 40, "repeats": 3}
    return Space(**{**known, **fields})  # type: ignore[arg-type]  # a test names real fields


def plan_of(path: Path, *words: str) -> Plan:
    words = (str(path), "--smoke", *words)
    return make_plan(parse(words), words, warn=print)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test downloads a data set."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")


def test_smoke_tries_every_architecture_once_with_first_values() -> None:
    cut = smoke_space(space(), {})
    assert list(cut.grid()) == [
        {"network": "small", "rate": 0.25},
        {"network": "vgg16", "depth": 0, "blocks": 2, "rate": 0.25},
        {"network": "resnet", "blocks": 2, "rate": 0.25},
    ]
    assert (cut.trials, cut.sampler, cut.stopping, cut.repeats) == (3, "grid", "none", 1)


def test_smoke_without_architectures_is_two_trials() -> None:
    cut = smoke_space(space(fixed={"network": "small"}, parameters={"rate": Float(0, 1)}), {})
    assert (cut.trials, cut.sampler, list(cut.parameters)) == (2, "random", ["rate"])


def test_smoke_of_the_space_wins_over_that_of_its_trainable() -> None:
    cut = smoke_space(space(smoke={"epochs": 2}, fixed={"epochs": 90}), {"epochs": 1, "image_size": 32})
    assert (cut.fixed["epochs"], cut.fixed["image_size"]) == (2, 32)


def test_smoke_keeps_what_the_user_pinned() -> None:
    assert smoke_space(space(fixed={"epochs": 3}), {"epochs": 1}, ["epochs"]).fixed["epochs"] == 3
    plan = plan_of(ROOT / "spaces" / "digits_filters.py", "--set", "epochs=3")
    assert plan.space.fixed["epochs"] == 3


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--sampler gp --stopping median --repeats 3", "--sampler gp, --stopping median, --repeats 3"),
        ("--repeats 2 --stopping none --sampler random", "--repeats 2"),
    ],
)
def test_smoke_names_the_options_that_it_overrules(words: str, named: str) -> None:
    said: list[str] = []
    given = (str(ROOT / "spaces" / "branin.py"), "--smoke", *words.split())
    plan = make_plan(parse(given), given, warn=said.append)
    assert (plan.space.sampler, plan.space.stopping, plan.space.repeats) == ("random", "none", 1)
    assert said == [
        f"NOTE: --smoke overrules {named}: each configuration is trained once and to its end, with sampler random."
    ]


def test_smoke_without_such_options_says_nothing() -> None:
    said: list[str] = []
    given = (str(ROOT / "spaces" / "branin.py"), "--smoke", "--sampler", "random", "--trials", "3")
    make_plan(parse(given), given, warn=said.append)
    assert said == []


def test_smoke_takes_no_more_images_than_there_are(tmp_path: Path) -> None:
    text = (
        (ROOT / "spaces" / "digits_filters.py")
        .read_text()
        .replace("fixed={", 'smoke={"sample_size": 5000},\n    fixed={')
    )
    (tmp_path / "given.py").write_text(text)
    assert plan_of(tmp_path / "given.py").space.fixed["sample_size"] == 1079


def test_results_of_a_smoke_run_are_thrown_away_unless_a_folder_is_named() -> None:
    assert plan_of(ROOT / "spaces" / "branin.py").throwaway
    kept = plan_of(ROOT / "spaces" / "branin.py", "--results", "elsewhere")
    assert (kept.throwaway, kept.results) == (False, Path("elsewhere"))


def test_smoke_of_shipped_spaces_is_tested_at_all() -> None:
    assert len(SPACES) >= 3


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_smoke_plan_of_a_shipped_space_is_short(path: Path, offline: None) -> None:
    plan = plan_of_shipped(path, "--smoke")
    assert plan.max_epochs in (None, 1, 2)  # One for each stage.
    networks = plan.space.parameters.get("network")
    assert plan.trials == (2 if networks is None else len(networks.values() or ()))


def is_large(network: object) -> bool:
    return str(network) in BACKBONES and BACKBONES[str(network)].num_layers > 300


@pytest.mark.slow
@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_smoke_trials_of_a_shipped_space_train_and_save_their_model(path: Path, offline: None, tmp_path: Path) -> None:
    """The first two of each, but only one where the second is a backbone of hundreds of layers.

    That every backbone trains is held by tests/trainables/test_regimes.py.
    """
    plan = plan_of_shipped(path, "--smoke")
    epochs = plan.max_epochs or 1
    sampling = Sampling(plan.space, None, sampler=plan.space.sampler, seed=0)
    for number in range(min(plan.trials, 2)):
        proposal = sampling.ask()
        assert proposal is not None
        if number and is_large(proposal.config.get("network")):
            break
        trial = Trial(data_dir=plan.data_dir)
        metrics = list(plan.space.trainable(plan.trial_config(proposal.config), trial))
        if trial.save_model is not None:
            trial.save_model(tmp_path / "model.keras")
        assert sum(plan.space.metric in values for values in metrics) == epochs


def test_driver_plans_the_shipped_spaces_without_a_training_framework(offline: None) -> None:
    """In one process: what the first loads is the most of what planning takes."""
    code = f"""
import sys
from search.run import main
for words in {[words_for(path) for path in SPACES]!r}:
    print("SPACE", words[0], file=sys.stderr)
    code = main([*words, "--dry-run"])
    print("PLANNED", words[0], code, sorted({{"tensorflow", "keras", "torch", "ray"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    errors = [error.partition("\n") for error in done.stderr.split("SPACE ")[1:]]
    absent = [path for path, _, error in errors if "not at hand" in error]
    expected = [f"PLANNED {path} {2 if str(path) in absent else 0} []" for path in SPACES]
    assert [line for line in done.stdout.splitlines() if line.startswith("PLANNED ")] == expected, done.stderr
