"""A define-by-run function in place of declared parameters: any values, kept as they were, also over a crash."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import pytest

from search.driver.search import Search, open_search
from search.errors import SearchError
from search.experiment.folder import Experiment
from search.experiment.parts import PartWriter, read_parts
from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.sampling import Sampling
from search.sampling.translation import check_function
from search.space import Config, Space
from search.space.loading import SpaceFile
from search.trial.messages import Report, TrialEnd, TrialSpec
from tests.support.search_world import World


def train(config: Config, trial: object) -> None:
    """Never called."""


def settings(trial: Any) -> dict[str, object]:
    depth = trial.suggest_int("depth", 1, 3)
    pooling = trial.suggest_categorical("pooling", ["avg", None, 2, True])
    return {"units": [8] * depth, "pooling": pooling, "cut": "all" if depth > 1 else depth}


SPACE = Space(train, settings, metric="loss", mode="min", trials=6, sampler="random")


def plan_in(root: Path, **changes: Any) -> Plan:
    space = dataclasses.replace(SPACE, **changes)
    source = SpaceFile(str(root / "given.py"), "")
    return Plan(source, space, "e", root, 6, seed=3, dataset=None, asked_dataset=None, data_dir=None)


def do_trials(search: Search, count: int) -> dict[str, dict[str, object]]:
    """Run this many trials; their configurations by trial id."""
    configs = {}
    for _ in range(count):
        spec = search.queue.next()
        assert isinstance(spec, TrialSpec)
        configs[spec.trial_id] = dict(spec.config)
        search.recorder.take(Report(spec.trial_id, [{"epoch": 1, "loss": 1.0}], end=TrialEnd(TrialState.COMPLETE)))
    search.recorder.flush()
    return configs


def test_settings_of_mixed_types_are_stored_and_kept_over_a_crash(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    experiment = Experiment.create(plan.root, plan.space, "", {"name": "e"})
    configs = do_trials(open_search(plan, experiment), 5)
    assert len({type(config["pooling"]) for config in configs.values()}) > 1
    experiment.close()
    again = Experiment.reopen(plan.root, plan.space, {"name": "e"})
    search = open_search(plan, again)
    for trial_id, ended in search.trials.ended.items():
        assert {name: configs[trial_id][name] for name in ended.config} == dict(ended.config)
        assert isinstance(ended.config["units"], list)
    again.compact()
    again.close()
    assert len(read_trials(plan.root).table) == 5


def test_repeat_after_a_resume_has_the_configuration_of_the_first_run(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    experiment = Experiment.create(plan.root, plan.space, "", {"name": "e"})
    configs = do_trials(open_search(plan, experiment), 6)
    search = open_search(plan_in(tmp_path, repeats=2, repeat="all"), experiment)
    spec = search.queue.next()
    experiment.close()
    assert isinstance(spec, TrialSpec)
    assert spec.trial_id == "00000r1"
    assert {name: spec.config[name] for name in configs["00000"]} == configs["00000"]


COLUMNS: list[tuple[list[object], list[object]]] = [
    ([1, 2], [1, 2]),
    ([1, None], [1, None]),
    ([1, 2.5], [1.0, 2.5]),
    ([True, False], [True, False]),
    ([1, "x"], ["1", "x"]),
    ([1.5, "x", None], ["1.5", "x", None]),
    ([True, 1], ["True", "1"]),
    ([None, True], [None, True]),
]


@pytest.mark.parametrize("together", [True, False], ids=["in one part", "in parts"])
@pytest.mark.parametrize(("values", "stored"), COLUMNS, ids=[str(values) for values, _ in COLUMNS])
def test_column_that_no_schema_knows_takes_any_values(
    values: list[object], stored: list[object], together: bool, tmp_path: Path
) -> None:
    writer = PartWriter(tmp_path, "trials", ("trial_id",), pa.schema([("trial_id", pa.string())]))
    rows = [{"trial_id": str(i), "config.a": value} for i, value in enumerate(values)]
    for part in [rows] if together else [[row] for row in rows]:
        writer.append(part)
    read = read_parts(tmp_path, "trials", ("trial_id",)).table["config.a"].to_pylist()
    assert read == stored
    assert [type(value) for value in read] == [type(value) for value in stored]


def misspelt(trial: Any) -> dict[str, object]:
    return {"a": trial.suggest_integer("a", 1, 20)}


def two_ranges(trial: Any) -> dict[str, object]:
    return {"low": trial.suggest_int("a", 1, 5), "high": trial.suggest_int("a", 1, 9)}


def own_error(trial: Any) -> dict[str, object]:
    return {"a": dict[str, int]()[str(trial.suggest_int("a", 1, 5))]}


def exits(trial: Any) -> None:
    sys.exit("bye")


def numbered(trial: Any) -> dict[str, object]:
    return {"a": trial.suggest_int(3, 1, 2)}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (exits, "SystemExit: bye"),
        (numbered, r"suggest_int\(3, ...\) has no text as its name"),
        (misspelt, "AttributeError: .*'suggest_integer'. Did you mean suggest_int"),
        (two_ranges, r"suggest_int\('a', 1, 9\) differs from suggest_int\('a', 1, 5\)"),
        (own_error, "KeyError: '[1-5]'"),
    ],
)
def test_wrong_function_is_refused_in_a_line_that_names_its_own(function: Any, words: str) -> None:
    line = function.__code__.co_firstlineno + 1
    with pytest.raises(SearchError, match=rf"test_function_spaces.py, line {line}: {words}"):
        check_function(function)


def test_function_that_takes_no_trial_is_refused_with_its_place() -> None:
    def nothing() -> None: ...

    with pytest.raises(SearchError, match=r"test_function_spaces.py, line \d+: TypeError: .*takes 0 positional"):
        check_function(nothing)  # type: ignore[arg-type]  # a user's mistake


def test_configuration_that_a_function_prunes_is_not_tried() -> None:
    def even(trial: Any) -> None:
        if trial.suggest_int("a", 1, 20) % 2:
            raise optuna.TrialPruned

    check_function(even)
    sampling = Sampling(dataclasses.replace(SPACE, parameters=even), None, sampler="tpe", seed=0)
    drawn = [sampling.ask() for _ in range(10)]
    assert {proposal.config["a"] for proposal in drawn if proposal} == set(range(2, 21, 2))


def test_error_of_a_function_within_a_search_ends_it_in_order(tmp_path: Path) -> None:
    def fails_late(trial: Any) -> dict[str, object]:
        return {"a": [1.0, 2.0][trial.suggest_int("a", trial.number, trial.number)]}

    world = World(tmp_path, parameters=fails_late)
    world.run()
    world.close()
    assert world.states() == {"00000": "complete", "00001": "complete"}
    assert world.study() == {"COMPLETE": 2}
    assert "IndexError: list index out of range" in (world.search.queue.fault or "")
