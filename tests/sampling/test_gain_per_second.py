"""A sampler that knows what an epoch of each trial took looks for the largest gain per second."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import optuna
import pytest

from search.sampling import Finished, Proposal, Sampling
from search.sampling.model.expected_improvement import Seconds
from search.sampling.multi_fidelity import MultiFidelitySampler
from search.space import Config, Float, Int, Space


def train(config: Config, trial: object) -> None:
    """Never called."""


SPACE = Space(
    trainable=train,
    parameters={"rate": Float(1e-4, 1e-1, log=True), "layers": Int(1, 20)},
    metric="loss",
    mode="min",
    trials=30,
    sampler="mfgp",
)


def loss(config: Config) -> float:
    """What layers do not matter for."""
    return abs(math.log10(float(str(config["rate"]))) + 2)


def seconds(config: Config) -> float:
    return float(str(config["layers"])) ** 2


def take(sampling: Sampling, count: int) -> list[Proposal]:
    """Propose, report and end so many trials, one after another."""
    found = []
    for _ in range(count):
        proposal = sampling.ask()
        assert proposal is not None
        sampling.report(proposal.trial_id, 1, loss(proposal.config), seconds(proposal.config))
        sampling.tell(proposal.trial_id, "pruned", None)
        found.append(proposal)
    return found


def layers(proposals: list[Proposal]) -> float:
    return statistics.median(float(str(proposal.config["layers"])) for proposal in proposals)


def test_of_configurations_that_are_as_good_the_quick_ones_are_proposed() -> None:
    proposals = take(Sampling(SPACE, None, sampler="mfgp", seed=0), 30)[10:]
    assert layers(proposals) <= 4  # By chance it is 10.
    assert statistics.median(loss(proposal.config) for proposal in proposals) < 0.3


def test_a_resumed_search_knows_what_epochs_took(tmp_path: Path) -> None:
    before = take(Sampling(SPACE, tmp_path / "journal", sampler="mfgp", seed=0), 10)
    resumed = Sampling(SPACE, tmp_path / "journal", sampler="mfgp", seed=0)
    resumed.resume({proposal.trial_id: Finished("pruned", None, proposal.config) for proposal in before})
    take(resumed, 1)
    sampler = resumed._drawing._study.sampler
    assert isinstance(sampler, MultiFidelitySampler)
    known = [curve.seconds for curve in sampler._ended.select()]
    assert known == [pytest.approx(seconds(proposal.config)) for proposal in before]


def test_the_shortest_epoch_counts_since_the_first_holds_the_tracing() -> None:
    sampling = Sampling(SPACE, None, sampler="mfgp", seed=0)
    proposal = sampling.ask()
    assert proposal is not None
    for epoch, took in enumerate((9.0, 2.0, 2.5), 1):
        sampling.report(proposal.trial_id, epoch, 0.5, took)
    assert sampling._drawing._study.trials[0].user_attrs["epoch_seconds"] == 2.0


def test_seconds_are_foreseen_over_powers_of_ten_and_not_beyond_belief() -> None:
    at = np.linspace(0, 1, 20)[:, None]
    model = Seconds(at, np.exp(6 * at[:, 0]))
    assert model.relative(at) == pytest.approx(np.exp(6 * at[:, 0] - 3), rel=0.3)
    assert model.relative(np.array([[50.0]])) == pytest.approx(math.exp(4))


@pytest.mark.parametrize("said", [0.0, math.inf, math.nan, -1.0])
def test_seconds_that_cannot_be_are_not_believed(said: float) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=MultiFidelitySampler(0))
    for _ in range(12):
        trial = study.ask()
        trial.set_user_attr("epoch_seconds", said)
        study.tell(trial, trial.suggest_float("x", 0, 1))
    sampler = study.sampler
    assert isinstance(sampler, MultiFidelitySampler)
    assert {curve.seconds for curve in sampler._ended.select()} == {None}
