"""The default sampler's two models: its own of learning curves, and TPE, which is told all trials at one rung."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState, create_trial

from search.sampling import Sampling
from search.sampling.model.learning_curves import EPOCH_SECONDS
from search.sampling.multi_fidelity import MODELLED, MultiFidelitySampler
from search.sampling.thinned import TPEAtOneRung
from search.space import Config, Float, Space

EPOCHS = 9


def study(trials: int, stop_at: int, seconds: float | None = None) -> optuna.Study:
    """Trials whose loss falls over nine epochs, all of which are broken off after `stop_at`, one after another."""

    def curve(trial: Trial) -> float:
        end = (trial.suggest_float("x", 0, 1) - 0.7) ** 2 + 0.1 * trial.suggest_float("y", 0, 1)
        for epoch in range(1, stop_at + 1):
            trial.report(end + 1 / epoch, epoch)
        if seconds is not None:
            trial.set_user_attr(EPOCH_SECONDS, seconds)
        if stop_at < EPOCHS:
            raise optuna.TrialPruned
        return end

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = optuna.create_study(sampler=MultiFidelitySampler(0, EPOCHS))
    found.optimize(curve, n_trials=trials)
    return found


@pytest.mark.parametrize(("stop_at", "least", "most"), [(1, 0.3, 0.7), (EPOCHS, 0, 0)])
def test_half_of_the_proposals_are_tpes_once_a_trial_was_stopped(
    stop_at: int, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, propose = list[dict[str, Any]](), TPEAtOneRung.propose

    def noted(self: TPEAtOneRung, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        asked.append(propose(self, distributions))
        return asked[-1]

    monkeypatch.setattr(TPEAtOneRung, "propose", noted)
    found = study(60, stop_at)
    modelled = [trial.params for trial in found.trials if MODELLED in trial.user_attrs]
    assert 35 <= len(modelled) <= 52  # All but the first eight and an eighth of the others.
    assert least * len(modelled) <= len(asked) <= most * len(modelled)
    assert all(params in modelled for params in asked)


def test_tpe_proposes_nothing_where_seconds_count_also_while_no_trial_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def propose(self: TPEAtOneRung, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        raise AssertionError

    monkeypatch.setattr(TPEAtOneRung, "propose", propose)
    found = study(30, 1, seconds=2.0)
    assert any(MODELLED in trial.user_attrs for trial in found.trials)


def test_each_of_several_processes_proposes_by_a_seed_of_its_own() -> None:
    samplers = [study(12, 1).sampler for _ in range(2)]
    models = [sampler._densities for sampler in samplers if isinstance(sampler, MultiFidelitySampler)]
    for sampler in samplers:
        sampler.reseed_rng()
    distributions = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    first, second = (model.propose(distributions) for model in models if model is not None)
    assert first != second


def test_a_failed_trial_is_told_to_tpe_as_failed_and_one_under_a_condition_as_it_is() -> None:
    model = TPEAtOneRung(0, 8, maximize=False)
    distributions: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "depth": IntDistribution(1, 9)}
    for number in range(40):
        x = number / 40
        failed, deep = x < 0.5, number % 2 == 0
        model.take(
            create_trial(
                state=TrialState.FAIL if failed else TrialState.PRUNED,
                params={"x": x} | ({"depth": 3} if deep else {}),
                distributions=distributions if deep else {"x": distributions["x"]},
                intermediate_values={1: 0.0 if failed else x},
            )
        )
    proposals = [model.propose(distributions) for _ in range(20)]
    assert {frozenset(proposal) for proposal in proposals} == {frozenset({"x", "depth"})}
    assert sum(float(proposal["x"]) >= 0.5 for proposal in proposals) >= 17


def test_what_the_model_proposed_is_known_to_the_rule_also_after_a_resume(tmp_path: Path) -> None:
    def train(config: Config, trial: object) -> None:
        """Never called."""

    space = Space(trainable=train, parameters={"x": Float(0, 1)}, metric="loss", mode="min", trials=30)
    before = Sampling(space, tmp_path / "journal", sampler="mfgp", seed=0)
    ids = []
    for _ in range(20):
        proposal = before.ask()
        assert proposal is not None
        ids.append(proposal.trial_id)
        before.report(proposal.trial_id, 1, float(str(proposal.config["x"])))
        before.tell(proposal.trial_id, "pruned", None)
    modelled = [before.is_modelled(trial_id) for trial_id in ids]
    assert modelled[:8] == [False] * 8
    assert 8 <= sum(modelled) <= 12
    resumed = Sampling(space, tmp_path / "journal", sampler="mfgp", seed=0)
    resumed.resume({})
    assert [resumed.is_modelled(trial_id) for trial_id in ids] == modelled
    for trial_id in ids:  # None has a row, so that all are proposed once more.
        again = resumed.ask()
        assert again is not None
        assert again.trial_id == trial_id
    assert [resumed.is_modelled(trial_id) for trial_id in ids] == modelled
