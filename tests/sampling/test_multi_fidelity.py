"""The sampler that learns from learning curves which were broken off."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import Trial

from search.sampling import Finished, Sampling
from search.sampling.model.encoding import Encoding
from search.sampling.model.expected_improvement import conditions
from search.sampling.model.gaussian_process import Observations, Process
from search.sampling.model.learning_curves import MOST, Curve, Curves, standardized
from search.sampling.multi_fidelity import MultiFidelitySampler
from search.space import Config, Float, Space

EPOCHS = 9


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def loss(trial: Trial) -> float:
    """A basin around (0.7, 0.01) in two settings; a third one does nothing."""
    x, rate = trial.suggest_float("x", 0, 1), trial.suggest_float("rate", 1e-4, 1, log=True)
    trial.suggest_categorical("idle", ["a", "b", "c"])
    return (x - 0.7) ** 2 + 0.1 * (math.log10(rate) + 2) ** 2


def study(
    objective: Callable[[Trial], float], trials: int, sampler: BaseSampler, epochs: int = EPOCHS, stop_at: int = EPOCHS
) -> optuna.Study:
    """Trials whose loss falls to its end in `epochs`, all of which are broken off after `stop_at`."""

    def curve(trial: Trial) -> float:
        end = objective(trial)
        for epoch in range(1, stop_at + 1):
            trial.report(end + 1 / epoch, epoch)
        if stop_at < epochs:
            raise optuna.TrialPruned
        return end + 1 / epochs

    found = optuna.create_study(sampler=sampler)
    found.optimize(curve, n_trials=trials)
    return found


def ends(of: optuna.Study) -> list[float]:
    return [min(trial.intermediate_values.values()) for trial in of.trials[20:]]


@pytest.mark.parametrize("stop_at", [1, EPOCHS])
def test_what_is_proposed_is_better_than_chance_also_where_every_trial_is_broken_off(stop_at: int) -> None:
    learnt = statistics.median(ends(study(loss, 40, MultiFidelitySampler(0, EPOCHS), stop_at=stop_at)))
    rng = statistics.median(ends(study(loss, 40, RandomSampler(0), stop_at=stop_at)))
    assert learnt - 1 / stop_at < (rng - 1 / stop_at) / 4


def test_a_region_where_everything_fails_is_left() -> None:
    def fails(trial: Trial) -> float:
        end = loss(trial)
        return math.nan if trial.params["x"] < 0.5 else end

    found = study(fails, 40, MultiFidelitySampler(0))
    failed = [trial for trial in found.trials[15:] if trial.state == optuna.trial.TrialState.FAIL]
    assert len(failed) < 8  # By chance: 12 of 25.


def test_a_trial_that_was_not_tried_to_its_end_says_nothing() -> None:
    sampler = MultiFidelitySampler(0)
    found = study(loss, 12, sampler)
    for _ in range(3):
        trial = found.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr("discarded", True)
        found.tell(trial, state=optuna.trial.TrialState.FAIL)
    found.ask()
    assert len(sampler._ended) == 12


def test_a_resumed_search_knows_what_the_journal_does_of_stopped_and_failed_trials(tmp_path: Path) -> None:
    def train(config: Config, trial: object) -> None:
        """Never called."""

    space = Space(trainable=train, parameters={"x": Float(0, 1)}, metric="loss", mode="min", trials=30)
    before = Sampling(space, tmp_path / "journal", sampler="mfgp", seed=0)
    rows = {}
    for number in range(20):
        proposal = before.ask()
        assert proposal is not None
        state: Literal["failed", "pruned"] = "failed" if number % 4 == 0 else "pruned"
        before.report(proposal.trial_id, 1, float(str(proposal.config["x"])))
        before.tell(proposal.trial_id, state, None)
        rows[proposal.trial_id] = Finished(state, None, proposal.config)
    cut_off = before.ask()
    resumed = Sampling(space, tmp_path / "journal", sampler="mfgp", seed=0)
    resumed.resume(rows)
    assert cut_off == resumed.ask()
    resumed.ask()
    sampler = resumed._drawing._study.sampler
    assert isinstance(sampler, MultiFidelitySampler)
    ends = [curve.points[-1] for curve in sampler._ended.select()]
    assert len(ends) == 20
    assert ends.count((math.inf, -math.inf)) == 5


@pytest.mark.parametrize("value", [0.5, -math.inf, 1e300])
def test_a_metric_that_never_changes_is_searched_at_random(value: float) -> None:
    found = study(lambda trial: loss(trial) * 0 + value, 20, MultiFidelitySampler(0), epochs=1, stop_at=1)
    assert len({trial.params["x"] for trial in found.trials}) == 20


def test_a_model_that_cannot_be_computed_never_ends_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def singular(self: Process, seen: Observations) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(Process, "posterior", singular)
    assert len(study(loss, 15, MultiFidelitySampler(0)).trials) == 15


def test_a_model_that_foresees_wrongly_is_trusted_less() -> None:
    sampler = MultiFidelitySampler(0)
    found = study(loss, 30, sampler)
    assert sampler._trust > 0
    rng = np.random.default_rng(0)
    found.sampler = sampler
    for _ in range(25):
        trial = found.ask()
        loss(trial)
        found.tell(trial, 3 * rng.standard_normal())
    assert sampler._trust < 0


def test_the_same_seed_gives_the_same_proposals() -> None:
    def params(seed: int) -> list[dict[str, object]]:
        return [trial.params for trial in study(loss, 15, MultiFidelitySampler(seed)).trials]

    assert params(3) == params(3)
    assert params(3) != params(4)


def test_workers_at_once_are_not_sent_to_the_same_place() -> None:
    found = study(loss, 15, MultiFidelitySampler(0))
    running = [found.ask() for _ in range(8)]
    for trial in running:
        loss(trial)
    assert len({str(trial.params) for trial in running}) == 8


def test_settings_under_a_condition_are_proposed_too_also_where_a_range_moves() -> None:
    def depends(trial: Trial) -> float:
        layers = trial.suggest_int("layers", 1, 3)
        units = [trial.suggest_int(f"units_{i}", 8, 16 * layers, log=True) for i in range(layers)]
        return abs(layers - 2) + sum(abs(math.log2(count) - 4) for count in units)

    found = study(depends, 40, MultiFidelitySampler(0))
    assert found.best_trial.params["layers"] == 2
    assert found.best_value < 0.5


DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "float": FloatDistribution(-2, 5),
    "log": FloatDistribution(1e-5, 1e-1, log=True),
    "step": FloatDistribution(0.1, 0.7, step=0.2),
    "int": IntDistribution(-3, 12, step=3),
    "log_int": IntDistribution(1, 300, log=True),
    "numbers": CategoricalDistribution((64, 16, 32)),
    "options": CategoricalDistribution(("x", None, True, 2.5)),
}


def test_values_come_back_from_their_places() -> None:
    encoding, rng = Encoding(DISTRIBUTIONS), RandomSampler(0)
    for _ in range(50):
        params = {
            name: rng.sample_independent(None, None, name, of)  # type: ignore[arg-type]  # unused
            for name, of in DISTRIBUTIONS.items()
        }
        places = encoding.places(params)
        assert encoding.snap(places[None])[0] == pytest.approx(places)
        again = encoding.values(places)
        assert {name: again[name] for name in params} == pytest.approx(params)


def test_numbers_among_options_have_an_order_and_other_options_none() -> None:
    encoding = Encoding({name: DISTRIBUTIONS[name] for name in ("numbers", "options")})
    rows = np.array([encoding.places({"numbers": n, "options": o}) for n, o in ((16, "x"), (32, "x"), (64, None))])
    features = encoding.features(rows)
    assert features[0, 0] < features[1, 0] < features[2, 0]
    assert ((features[0, 1:] - features[2, 1:]) ** 2).sum() == pytest.approx(1)


def test_conditions_are_read_from_the_trials_parents_first() -> None:
    encoding = Encoding(
        {
            "deep": IntDistribution(0, 1),
            "way": CategoricalDistribution(("a", "b")),
            "depth": FloatDistribution(0, 1),
        }
    )
    rows: list[dict[str, object]] = [{"way": "a"}, {"way": "b", "deep": 0}, {"way": "b", "deep": 1, "depth": 0.5}]
    found = conditions(np.array([encoding.places(row) for row in rows]), encoding)
    assert [(condition.column, condition.parent) for condition in found] == [(0, 1), (2, 0)]


def test_of_many_trials_a_bounded_selection_with_the_best_and_the_latest_is_told() -> None:
    curves = Curves()
    for number in range(3000):
        curves.add(Curve(np.array([number]), ((1.0, -abs(number - 1000.0)),)))
    told = [int(curve.places[0]) for curve in curves.select()]
    assert MOST / 2 < len(told) <= MOST + 1
    assert {*range(970, 1030), *range(2970, 3000)} <= set(told)
    assert told == sorted(told)
    assert len([number for number in told if number < 900]) > 10


def test_scores_are_standardized_whatever_fails_or_explodes() -> None:
    scores = standardized([0.1, 0.2, -math.inf, 0.3, 1e12])
    assert scores is not None
    assert scores.mean() == pytest.approx(0)
    assert scores.argmax() == 4
    assert scores[2] == scores[0] == scores.min()
    assert standardized([0.3, -math.inf]) is None


def observations(rows: int = 25) -> Observations:
    rng = np.random.default_rng(0)
    features, time = rng.random((rows, 3)), rng.random(rows)
    score = np.sin(4 * features[:, 0]) + features[:, 1] + time
    return Observations(features, np.array([0, 1, 1]), time, np.arange(rows) // 2, score)


def test_the_gradient_of_the_fit_is_that_of_its_cost() -> None:
    from search.sampling.model.gaussian_process import _Pairs

    process, pairs = Process(2), _Pairs.of(observations(), 2)
    theta = process.theta + 0.1
    _, gradient = process._cost(theta, pairs)
    for position in range(len(theta)):
        step = np.zeros_like(theta)
        step[position] = 1e-5
        slope = (process._cost(theta + step, pairs)[0] - process._cost(theta - step, pairs)[0]) / 2e-5
        assert gradient[position] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_the_model_is_sure_where_it_was_told_and_unsure_elsewhere() -> None:
    process, seen = Process(2), observations()
    process.fit(seen, 30)
    posterior = process.posterior(seen)
    mean, sd = posterior.predict(seen.features[:1], float(seen.time[0]))
    assert mean[0] == pytest.approx(seen.score[0], abs=0.15)
    assert posterior.predict(np.array([[5.0, -4.0, 4.0]]), 1.0)[1][0] > 3 * sd[0]
