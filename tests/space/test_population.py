"""Populations as a space gives them: what is refused, what follows, and what members may have next."""

from __future__ import annotations

import dataclasses
import pickle
from random import Random
from typing import Any

import pytest

from search.driver.population.explore import explored
from search.errors import SearchError
from search.population import Population
from search.space import Choice, Float, Int, Parameter, Space
from search.stopping import Decision, Intervals, make_rule
from trainables.branin import train

GIVEN: dict[str, Any] = {"members": 8, "interval": 2, "change": ["x1"]}


def space(population: Any = GIVEN, **changes: Any) -> Space:
    given: dict[str, Any] = {"parameters": {"x1": Float(0, 1), "x2": Float(0, 1)}, "fixed": {"epochs": 6}}
    return Space(train, population=population, **{"metric": "value", **given, **changes})


def test_a_population_decides_sampler_stopping_and_number_of_trials() -> None:
    made = space()
    assert (made.sampler, made.stopping, made.trials) == ("random", "population", None)
    assert made.population == Population(8, 2, ("x1",))
    assert (made.population.replaced, made.population.rungs(6), made.population.trials(6)) == (2, (2, 4), 12)
    assert dataclasses.replace(made, trials=20).population == made.population
    assert pickle.loads(pickle.dumps(made)).population == made.population
    rule = make_rule(made.stopping, made.mode, made.stopping_options, 6)
    assert isinstance(rule, Intervals)
    assert [rule.decide("a", epoch, 1.0) for epoch in (1, 2, 3)] == [
        Decision.CONTINUE,
        Decision.PAUSE,
        Decision.CONTINUE,
    ]
    rule.passed = 2
    assert rule.decide("b", 2, 1.0) is Decision.CONTINUE


@pytest.mark.parametrize(
    ("population", "changes", "message"),
    [
        (8, {}, "population=8; expected a dict, like {'members': 8"),
        ({**GIVEN, "member": 8}, {}, "population has no option 'member'. Did you mean members"),
        ({"members": 8, "interval": 2}, {}, "population lacks 'change'"),
        ({**GIVEN, "members": 1}, {}, "members=1; expected a whole number from 2"),
        ({**GIVEN, "interval": 0.5}, {}, "interval=0.5; expected a whole number from 1"),
        ({**GIVEN, "quantile": 0.6}, {}, "quantile=0.6; expected a number from 0 to 0.5"),
        ({**GIVEN, "resample": True}, {}, "resample=True; expected a number from 0 to 1"),
        ({**GIVEN, "change": []}, {}, r"change=\[\]; expected names of parameters"),
        ({**GIVEN, "change": "x3"}, {}, "changes 'x3', which is no parameter. Expected one of: x1, x2"),
        (GIVEN, {"parameters": {"x1": Choice(0, 1), "x2": Float(0, 1, when={"x1": 1})}}, "'x2' depends by `when`"),
        (GIVEN, {"stopping": "asha"}, "leave out stopping, its options and fidelity"),
        (GIVEN, {"stopping_options": {"fidelity": "both"}}, "leave out stopping, its options and fidelity"),
        (GIVEN, {"sampler": "tpe"}, "sampler='tpe' learns from trials, .* expected random or qmc"),
        (GIVEN, {"objectives": {"value": "min", "train_seconds": "min"}, "metric": None}, "by one metric"),
        (GIVEN, {"constraints": {"train_seconds": "<= 9"}}, "by one metric"),
        (GIVEN, {"repeats": 2}, "repeats=2 trains configurations again"),
        (GIVEN, {"trials": 7}, "trials=7 is less than the 8 members"),
        (None, {"stopping": "population", "trials": 9}, "expected one of: asha, median, none"),
    ],
)
def test_what_does_not_go_with_a_population_is_refused_in_one_line(
    population: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SearchError, match=message) as refused:
        space(population, **changes)
    assert "\n" not in str(refused.value)


PARAMETERS: dict[str, tuple[Parameter, tuple[Any, ...]]] = {
    "even": (Float(0.0, 0.6), (0.0, 0.3, 0.6)),
    "log": (Float(1e-4, 1e-1, log=True), (1e-4, 1e-2, 1e-1)),
    "reverse": (Float(0.9, 0.999, log="reverse"), (0.9, 0.99, 0.999)),
    "stepped": (Float(0.0, 0.5, step=0.1), (0.0, 0.2, 0.5)),
    "whole": (Int(0, 9), (0, 4, 9)),
    "whole stepped": (Int(8, 128, step=8), (8, 64, 128)),
    "whole log": (Int(1, 64, log=True), (1, 3, 64)),
    "options": (Choice("a", 1, None), ("a", 1, None)),
}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("resample", [0.0, 1.0])
def test_a_follower_has_other_values_within_the_space(name: str, resample: float) -> None:
    parameter, values = PARAMETERS[name]
    population = Population(4, 1, ("x1",), resample=resample)
    given = space(parameters={"x1": parameter, "x2": Float(0, 1)})
    for value in values:
        for seed in range(20):
            found = explored({"x1": value, "x2": 0.5}, given, population, Random(seed))
            options, now = parameter.values(), found["x1"]
            assert found["x2"] == 0.5
            assert type(now) is type(value) or isinstance(parameter, Choice)
            if options is None:
                assert parameter.bounds()[0] <= now <= parameter.bounds()[1]  # type: ignore[operator]  # numbers
            else:
                assert now in options
            assert resample or now != value


def test_a_step_in_a_logarithm_is_a_factor_as_published() -> None:
    population = Population(4, 1, ("x1",), resample=0.0)
    given = space(parameters={"x1": Float(1e-4, 1e-1, log=True)})
    found = {float(str(explored({"x1": 0.01}, given, population, Random(seed))["x1"])) for seed in range(20)}
    assert sorted(found) == pytest.approx([0.008, 0.012])


def test_a_parameter_that_is_not_active_stays_so() -> None:
    when = {"x1": Float(0, 1, when={"kind": "a"}), "kind": Choice("a", "b")}
    population, given = Population(4, 1, ("x1",)), space(parameters=when)
    assert explored({"kind": "b"}, given, population, Random(0)) == {"kind": "b"}
