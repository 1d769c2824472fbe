"""A define-by-run function in place of declared parameters: any values, kept as they were, also over a crash."""

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from search.driver.search import Search, open_search
from search.experiment.folder import Experiment
from search.experiment.parts import PartWriter, read_parts
from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.space import Config, Space
from search.space.loading import SpaceFile
from search.trial.messages import Report, TrialEnd, TrialSpec


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
