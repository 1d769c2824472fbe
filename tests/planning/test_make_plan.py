"""From a command line to a plan: pins, counts, the offline fallback, what a dry run shows. Nothing is trained."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import DONE, main
from search.sampling import Sampling
from search.space import Choice, Float, Int

pytestmark = pytest.mark.usefixtures("elsewhere")

HEAD = "from search.space import Choice, Float, Int, Space\nfrom trainables.image_classifier import train\n"
PARAMETERS = """{
    "filters": Choice(16, 32, 64),
    "network": Choice("two_conv", "four_conv"),
    "kernel_size": Choice(3, 5, when={"network": "two_conv"}),
    "dropout": Float(0, 0.5),
}"""


def plan_of_mnist(said: list[str] | None = None, **fields: str) -> Plan:
    """The plan for a space of MNIST, which is not at hand, with the digits to fall back to."""
    return plan("--set batch_norm=none", said, dataset="'mnist'", offline_dataset="'digits'", **fields)


def plan(line: str = "", said: list[str] | None = None, **fields: str) -> Plan:
    """The plan of a command line for a space with these fields, given as Python."""
    fields = {"parameters": PARAMETERS, "trials": "7", "dataset": "'digits'", "fixed": "{'image_size': 16}", **fields}
    Path("given.py").write_text(f"{HEAD}space = Space(train, {', '.join(f'{k}={v}' for k, v in fields.items())})\n")
    words = ("given.py", *line.split())
    return make_plan(parse(words), words, warn=(said if said is not None else []).append)


def test_pinned_parameter_becomes_a_fixed_setting() -> None:
    space = plan("--set filters=48 epochs=2").space
    assert (space.fixed["filters"], space.fixed["epochs"]) == (48, 2)
    assert list(space.parameters) == ["network", "kernel_size", "dropout"]


def test_pinned_parent_keeps_or_drops_its_children() -> None:
    assert "kernel_size" in plan("--set network=two_conv").space.parameters
    assert "kernel_size" not in plan("--set network=four_conv").space.parameters


def test_value_is_a_python_literal_else_a_text() -> None:
    fixed = plan("--set head_units=(64,32) network=two_conv optimizer='sgd' patience=None").space.fixed
    assert (fixed["head_units"], fixed["network"], fixed["optimizer"], fixed["patience"]) == (
        (64, 32), "two_conv", "sgd", None,
    )  # fmt: skip


def test_text_stands_for_an_option_that_no_command_line_can_hold() -> None:
    Path("own.py").write_text(
        "from fractions import Fraction\nfrom search.space import Choice, Space\n"
        "def train(config, trial):\n    yield {'loss': 1.0}\n"
        "space = Space(train, {'share': Choice(Fraction(1, 2), Fraction(1, 3))}, metric='loss')\n"
    )
    words = ("own.py", "--set", "share=Fraction(1, 3)")
    assert str(make_plan(parse(words), words, warn=print).space.fixed["share"]) == "1/3"


@pytest.mark.parametrize(
    ("options", "word", "option"),
    [
        (("4", "8"), "8", "8"),
        (("True", "False"), "True", "True"),
        (("None", "l2"), "None", "None"),
        ((8, "8"), "8", 8),
        ((8, "8"), "'8'", "8"),
        ((1, 2.5), "1.0", 1),
    ],
)
def test_pinned_value_becomes_the_option_that_it_stands_for(
    options: tuple[object, ...], word: str, option: object
) -> None:
    Path("own.py").write_text(
        "from search.space import Choice, Space\n"
        "def train(config, trial):\n    yield {'loss': 1.0}\n"
        f"space = Space(train, {{'bits': Choice{options!r}}}, metric='loss')\n"
    )
    words = ("own.py", "--set", f"bits={word}")
    pinned = make_plan(parse(words), words, warn=print).space.fixed["bits"]
    assert (pinned, type(pinned)) == (option, type(option))


def test_pinned_value_outside_of_the_range_is_trained_and_told() -> None:
    said: list[str] = []
    made = plan("--set dropout=0.9 kernel_size=7 network=simple filters=32 epochs=3", said)
    assert {name: made.space.fixed[name] for name in ("dropout", "kernel_size")} == {"dropout": 0.9, "kernel_size": 7}
    assert said == [
        "NOTE: --set dropout=0.9 is outside of what the space searches (0 to 0.5), and is trained so.",
        "NOTE: --set kernel_size=7 is outside of what the space searches (3, 5), and is trained so.",
        "NOTE: --set network=simple is outside of what the space searches (two_conv, four_conv), and is trained so.",
    ]


def test_pinned_setting_of_a_function_is_neither_suggested_nor_overruled() -> None:
    Path("own.py").write_text(
        "from search.space import Space\n"
        "def train(config, trial):\n    yield {'loss': 1.0}\n"
        "def settings(trial):\n"
        "    depth = trial.suggest_int('depth', 1, 3)\n"
        "    return {'depth': depth, 'units': [8] * depth, 'rate': trial.suggest_float('rate', 0, 1)}\n"
        "space = Space(train, settings, metric='loss', trials=3)\n"
    )
    words = ("own.py", "--set", "depth=2", "rate=0.5")
    made = make_plan(parse(words), words, warn=print)
    proposal = Sampling(made.space, None, sampler="tpe", seed=0).ask()
    assert proposal is not None
    assert proposal.config == {"units": [8, 8]}
    assert made.trial_config(proposal.config).items() >= {"depth": 2, "rate": 0.5, "units": [8, 8]}.items()


def test_settings_called_like_what_the_search_says_are_the_users_own() -> None:
    Path("own.py").write_text(
        "from search.space import Choice, Space\n"
        "def train(config, trial):\n    yield {'loss': 1.0}\n"
        "space = Space(train, {'mode': Choice('same', 'valid')}, fixed={'metric': 'l1'}, metric='loss')\n"
    )
    made = make_plan(parse(("own.py",)), (), warn=print)
    assert made.trial_config({"mode": "same"}) == {"mode": "same", "metric": "l1"}
    assert made.asked == {"mode": "min", "metric": "loss"}
    words = ("own.py", "--set", "mode=valid")
    assert make_plan(parse(words), words, warn=print).space.fixed["mode"] == "valid"


def test_trainable_of_data_is_refused_without_a_data_set() -> None:
    with pytest.raises(SearchError, match="no data set is given; expected `dataset=`"):
        plan(dataset="None")


def test_trainable_that_declares_its_settings_refuses_those_of_the_space() -> None:
    with pytest.raises(SearchError, match=r"setting 'mode' is not of the trainable .* Space\(mode=...\)"):
        plan(fixed="{'mode': 'max'}")


def test_command_line_wins_over_the_space_file() -> None:
    made = plan(
        "--sampler random --stopping none --repeats 3 --cpus-per-trial 0.5 --trials 9 --seed 5", sampler="'qmc'"
    )
    space = made.space
    assert (space.sampler, space.stopping, space.repeats, space.cpus_per_trial) == ("random", "none", 3, 0.5)
    assert (made.trials, space.trials, made.seed) == (9, 9, 5)


def test_another_stopping_rule_leaves_the_options_of_the_first_behind() -> None:
    options = "{'reduction_factor': 4}"
    assert plan(stopping_options=options).space.stopping_options == {"reduction_factor": 4}
    assert plan("--stopping asha", stopping_options=options).space.stopping_options == {"reduction_factor": 4}
    assert plan("--stopping median", stopping_options=options).space.stopping_options == {}


GRID = PARAMETERS.replace("Float(0, 0.5)", "Float(0, 0.5, step=0.25)")


def test_grid_without_trials_is_run_whole() -> None:
    assert plan("--sampler grid", parameters=GRID).trials == 3 * (2 + 1) * 3
    assert plan("--sampler grid --set filters=16", parameters=GRID).trials == (2 + 1) * 3
    assert plan("--sampler grid --trials 4", parameters=GRID).trials == 4


def test_finite_space_that_names_no_trials_is_tried_whole() -> None:
    assert plan(parameters=GRID, trials="None").trials == 27


def test_name_is_the_stem_of_the_file_unless_one_is_given() -> None:
    assert plan().root == Path("results/given")
    assert plan("--name other --results elsewhere").root == Path("elsewhere/other")


def test_offline_fallback_is_announced_and_recorded_as_what_was_used() -> None:
    said: list[str] = []
    made = plan_of_mnist(said)
    assert "data set 'mnist' is not at hand" in said[0]
    assert "'digits' IS SEARCHED INSTEAD of 'mnist'" in said[1]
    manifest = json.loads(json.dumps(make_manifest(made)))
    assert (manifest["dataset"]["name"], manifest["dataset"]["asked"]) == ("digits", "mnist")
    assert manifest["space"]["dataset"] == "digits"
    assert made.trial_config({})["dataset"] == "digits"


@pytest.mark.parametrize(
    ("given", "cut"),
    [
        ("Int(100, 5000)", Int(100, 1079)),
        ("Int(500, 5000, step=500)", Choice(500, 1000, 1079)),
        ("Choice(1000, 2000, 4000)", Choice(1000, 1079)),
        ("Choice(1000, 2000, 'all')", Choice(1000, 1079, "all")),
    ],
)
def test_searched_sample_sizes_are_cut_to_what_the_fallback_has(given: str, cut: object) -> None:
    said: list[str] = []
    made = plan_of_mnist(parameters=f"{{'sample_size': {given}}}", said=said)
    assert made.space.parameters["sample_size"] == cut
    assert said[-1].endswith("is cut to 1079, all that 'digits' has.")


def test_configurations_to_start_with_are_cut_like_the_sample_sizes() -> None:
    start = "[{'sample_size': 4000}, {'sample_size': 500}]"
    made = plan_of_mnist(parameters="{'sample_size': Choice(500, 4000)}", start=start)
    assert made.space.start == ({"sample_size": 1079}, {"sample_size": 500})


def test_sample_sizes_that_the_fallback_has_stay() -> None:
    said: list[str] = []
    made = plan_of_mnist(parameters="{'sample_size': Choice(10, 1079)}", said=said)
    assert made.space.parameters["sample_size"] == Choice(10, 1079)
    assert len(said) == 2


def test_fixed_sample_size_is_cut_to_what_the_fallback_has() -> None:
    said: list[str] = []
    assert (
        plan_of_mnist(fixed="{'image_size': 16, 'sample_size': 12_000}", said=said).space.fixed["sample_size"] == 1079
    )
    assert said[-1] == "NOTE: sample_size=12000 is cut to 1079, all that 'digits' has."
    assert plan_of_mnist(fixed="{'image_size': 16, 'sample_size': 'all'}").space.fixed["sample_size"] == "all"


def test_data_set_named_on_the_command_line_has_no_fallback(capsys: pytest.CaptureFixture[str]) -> None:
    plan_of_mnist()
    assert main(["given.py", "--dataset", "mnist"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("data set 'mnist' is not at hand")


def test_search_of_the_fallback_is_not_continued_on_data_that_has_come_since(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = plan_of_mnist()
    made.root.mkdir(parents=True)
    made.root.joinpath("manifest.json").write_text(json.dumps(make_manifest(made)))
    assert main(["given.py", "--resume", "--dry-run"]) == DONE
    capsys.readouterr()
    images, labels = np.random.default_rng(0).integers(0, 255, (400, 28, 28)).astype(np.uint8), np.arange(400) % 10
    Path("data").mkdir()
    np.savez("data/mnist.npz", x_train=images, y_train=labels, x_test=images[:50] + 1, y_test=labels[:50])
    assert main(["given.py", "--resume", "--data-dir", "data"]) == 2
    assert "the space's dataset is 'mnist' now, and not the 'digits' that results/given" in capsys.readouterr().err


def test_dry_run_shows_space_size_resources_and_plan_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plan(parameters=GRID)
    assert main(["given.py", "--dry-run", "--max-concurrent", "1"]) == DONE
    out, error = capsys.readouterr()
    for words in (
        "kernel_size Choice 3, 5 network is two_conv",
        "size: 27 configurations",
        "data: digits (embedded in scikit-learn): 1079 training, 359 validation, 359 test images, 10 classes",
        "trials: 7 configurations; sampler mfgp, seed 0",
        "stopping: asha, decides after epoch 1, 3, 9",
        "workers: 1 trial at once on this machine, 1 CPU each",
        "results: results/given",
    ):
        assert words in " ".join(out.split())
    assert error == ""
    assert sorted(path.name for path in Path().iterdir()) == ["given.py"]


def test_dry_run_of_a_continuous_space_calls_it_infinite(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan().space.parameters["dropout"] == Float(0, 0.5)
    main(["given.py", "--dry-run"])
    assert "size:      infinite" in capsys.readouterr().out


def test_dry_run_shows_a_long_condition_by_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    plan(parameters='{"filters": Int(1, 90), "dropout": Float(0, 0.5, when={"filters": (1, 2, *range(30, 90))})}')
    main(["given.py", "--dry-run"])
    assert "filters is 1 or 2 or 30 to 89" in " ".join(capsys.readouterr().out.split())


def test_help_of_a_space_shows_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    plan()
    assert main(["given.py", "--trials", "3", "--help"]) == DONE
    said = capsys.readouterr().out
    assert "--sampler {mfgp," in said
    assert "parameters of given.py, each pinned by --set NAME=VALUE" in said
    assert re.search(r"kernel_size +Choice +3, 5 +network is two_conv", said)
    assert "fixed:     image_size=16" in said
    assert main(["--help"]) == DONE
    assert "parameters of" not in capsys.readouterr().out
    assert main(["give.py", "--help"]) == 2
    assert "Did you mean" in capsys.readouterr().err
