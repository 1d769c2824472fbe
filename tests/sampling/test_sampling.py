"""Sampling: what every sampler must obey, and the study that it leaves."""

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.errors import SearchError
from search.sampling import Finished, Proposal, Sampling
from search.space import Choice, Float, Int, Space, fingerprint
from trainables.branin import branin

SAMPLERS = ["mfgp", "tpe", "random", "grid", "qmc", "gp", "cmaes"]
PACKAGES = {"gp": "torch", "cmaes": "cmaes"}


def train(config: dict[str, object], trial: object) -> Iterator[dict[str, float]]:
    yield {"value": 0.0}


def space(parameters: Any, **others: Any) -> Space:
    return Space(trainable=train, parameters=parameters, **{"metric": "value", "trials": 50, "mode": "min", **others})


STEPPED = space({"x1": Float(-5, 10, step=0.5), "x2": Float(0, 15, step=0.5)})
NESTED = space(
    {
        "network": Choice("two_conv", "vgg16"),
        "regime": Choice("frozen", "unfreeze", when={"network": "vgg16"}),
        "depth": Int(1, 3, when={"regime": "unfreeze"}),
        "mixed": Choice(1, True, 1.0, "1", None, (3, 3)),
    }
)


def value_of(config: dict[str, object]) -> float:
    return branin(float(str(config["x1"])), float(str(config["x2"])))


def run(sampling: Sampling, count: int) -> list[Proposal]:
    """Ask, report and tell, one trial after the other."""
    proposals = []
    for _ in range(count):
        proposal = sampling.ask()
        assert proposal is not None
        sampling.report(proposal.trial_id, 1, value_of(proposal.config))
        sampling.tell(proposal.trial_id, "complete", value_of(proposal.config))
        proposals.append(proposal)
    return proposals


def study_in(journal: Path) -> optuna.Study:
    """The study as Optuna itself and its dashboard open it."""
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))


def test_study_keeps_the_name_that_it_was_made_with_and_the_metric_of_its_values(tmp_path: Path) -> None:
    for name in ("filters", "another"):
        Sampling(STEPPED, tmp_path / "journal", sampler="random", seed=0, name=name).resume({})
    study = study_in(tmp_path / "journal")
    assert (study.study_name, study.metric_names) == ("filters", ["value"])


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"needs the package {PACKAGES[name]}")
    return name


def test_same_seed_proposes_the_same_configurations(sampler: str) -> None:
    first, again, other = (run(Sampling(STEPPED, None, sampler=sampler, seed=seed), 14) for seed in (3, 3, 4))
    assert first == again
    assert sampler == "grid" or first != other
    assert [(p.number, p.trial_id) for p in first[:2]] == [(0, "00000"), (1, "00001")]


def test_finite_space_is_proposed_whole_without_repeats_and_then_ends(sampler: str) -> None:
    sampling = Sampling(NESTED, None, sampler=sampler, seed=0)
    proposals = list(iter(sampling.ask, None))
    grid = [fingerprint(config) for config in NESTED.grid()]
    assert sorted(fingerprint(proposal.config) for proposal in proposals) == sorted(grid)
    assert sampling.ask() is None


def test_configurations_have_the_declared_values_and_types(sampler: str) -> None:
    sampling = Sampling(STEPPED, None, sampler=sampler, seed=0)
    for proposal in run(sampling, 14):
        assert proposal.config["x1"] in (STEPPED.parameters["x1"].values())
        assert type(proposal.config["x1"]) is float


def test_resumed_sampler_proposes_nothing_again(sampler: str, tmp_path: Path) -> None:
    before = run(Sampling(STEPPED, tmp_path / "journal", sampler=sampler, seed=1), 14)
    resumed = Sampling(STEPPED, tmp_path / "journal", sampler=sampler, seed=1)
    resumed.resume({p.trial_id: Finished("complete", value_of(p.config)) for p in before})
    after = run(resumed, 14)
    assert len({fingerprint(proposal.config) for proposal in before + after}) == 28
    assert [proposal.number for proposal in after] == list(range(14, 28))


def test_failed_trials_do_not_stop_a_sampler(sampler: str) -> None:
    sampling = Sampling(STEPPED, None, sampler=sampler, seed=1)
    for index in range(24):
        proposal = sampling.ask()
        assert proposal
        state = ("failed", "pruned", "complete")[index % 3]
        sampling.tell(proposal.trial_id, state, value_of(proposal.config))  # type: ignore[arg-type]  # a state
    assert sampling.counts() == {"complete": 8, "pruned": 8, "fail": 8}


def test_tpe_gets_nearer_to_the_optimum_than_chance() -> None:
    wide = space({"x1": Float(-5, 10), "x2": Float(0, 15)})
    means = {}
    for name in ("tpe", "random"):
        runs = [run(Sampling(wide, None, sampler=name, seed=seed), 40) for seed in range(5)]
        means[name] = sum(min(value_of(proposal.config) for proposal in proposals) for proposals in runs) / 5
    assert means["tpe"] < means["random"]


def test_tpe_leaves_a_region_where_everything_fails() -> None:
    sampling = Sampling(space({"x": Float(0, 1)}), None, sampler="tpe", seed=0)
    failed = []
    for _ in range(40):
        proposal = sampling.ask()
        assert proposal
        failed.append(float(str(proposal.config["x"])) > 0.3)
        sampling.tell(proposal.trial_id, "failed" if failed[-1] else "complete", float(str(proposal.config["x"])))
    assert sum(failed[20:]) < sum(failed[:20]) / 2


def test_study_holds_each_trial_in_its_true_state(tmp_path: Path) -> None:
    sampling = Sampling(STEPPED, tmp_path / "journal", sampler="random", seed=0)
    proposals = [sampling.ask() for _ in range(4)]
    complete, pruned, failed, _ = (proposal.trial_id for proposal in proposals if proposal)
    for trial_id in (complete, pruned, failed):
        sampling.report(trial_id, 1, 7.0)
        sampling.report(trial_id, 2, math.nan if trial_id == failed else 5.0)
        sampling.report(trial_id, 2, 6.0)  # Repeated after a restart: the first one stays.
    sampling.tell(complete, "complete", 5.0)
    sampling.tell(pruned, "pruned", 5.0)
    sampling.tell(failed, "complete", math.nan)
    trials = study_in(tmp_path / "journal").trials
    assert [trial.state for trial in trials] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.RUNNING,
    ]
    assert [trial.value for trial in trials] == [5.0, 5.0, None, None]
    assert trials[1].intermediate_values == {1: 7.0, 2: 5.0}
    assert trials[0].user_attrs["trial_id"] == complete


def test_optuna_holds_options_that_it_can_and_the_texts_of_others(tmp_path: Path) -> None:
    mixed = space({"a": Choice(3, 5, None), "b": Choice(1, True, (3, 3))})
    sampling = Sampling(mixed, tmp_path / "journal", sampler="grid", seed=0)
    configs = [proposal.config for proposal in iter(sampling.ask, None)]
    assert {repr(config["b"]) for config in configs} == {"1", "True", "(3, 3)"}
    stored = [trial.params for trial in study_in(tmp_path / "journal").trials]
    assert {params["a"] for params in stored} == {3, 5, None}
    assert {params["b"] for params in stored} == {"1", "True", "(3, 3)"}


def test_define_by_run_function_gives_what_it_returns_and_suggests(tmp_path: Path) -> None:
    def define(trial: optuna.trial.BaseTrial) -> dict[str, object]:
        depth = trial.suggest_int("depth", 1, 3)
        width = 8 * trial.suggest_int("width", 1, 2)
        return {"width": width, "layers": [width] * depth}

    defined = space(define)
    sampling = Sampling(defined, tmp_path / "journal", sampler="tpe", seed=0)
    proposals = list(iter(sampling.ask, None))
    assert len({fingerprint(proposal.config) for proposal in proposals}) == len(proposals) == 6
    for config in (proposal.config for proposal in proposals):
        assert config["layers"] == [config["width"]] * int(str(config["depth"]))
    resumed = Sampling(defined, tmp_path / "journal", sampler="tpe", seed=0)
    resumed.resume({})
    assert [resumed.ask() for _ in proposals] == proposals
    assert resumed.ask() is None


def test_grid_over_a_continuous_range_names_it() -> None:
    with pytest.raises(SearchError, match="'rate' is a Float without a step"):
        Sampling(space({"rate": Float(0, 1)}), None, sampler="grid", seed=0)


def test_grid_over_a_function_is_refused() -> None:
    with pytest.raises(SearchError, match="needs declared parameters"):
        Sampling(space(lambda trial: {}), None, sampler="grid", seed=0)


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_missing_package_is_named_with_the_way_to_install_it(name: str, package: str) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(SearchError, match=rf"needs the package '{package}'.*pip install 'keras-search\[{name}\]'"):
        Sampling(STEPPED, None, sampler=name, seed=0)
