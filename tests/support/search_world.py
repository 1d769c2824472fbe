"""An experiment and what leads its search, without Ray."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.driver.ranking import best, ranked
from search.driver.search import open_search
from search.driver.trial_queue import NoTrial
from search.driver.trials import EndedTrial
from search.experiment.folder import Experiment
from search.experiment.schema import read_trials
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.space import Choice, Float, Int, Space
from search.space.loading import SpaceFile
from search.trial.messages import Report, TrialEnd, TrialSpec, WorkerId
from trainables.branin import train

SPACE = Space(
    trainable=train,
    parameters={"x": Float(0, 1), "kind": Choice("a", 1, None), "depth": Int(1, 5, when={"kind": "a"})},
    fixed={"epochs": 9},
    metric="value",
    mode="max",
    trials=5,
    sampler="random",
)


class World:
    """An experiment and its search; `resume` stands for a driver that was killed and started again."""

    def __init__(self, root: Path, **changes: object) -> None:
        self.space = dataclasses.replace(SPACE, **changes)  # type: ignore[arg-type]  # a dict of mixed values
        source = SpaceFile(str(root / "space.py"), "")
        trials = self.space.trials or 5
        self.plan = Plan(source, self.space, "e", root, trials, seed=3, dataset=None, asked_dataset=None, data_dir=None)
        self.experiment = Experiment.create(self.plan.root, self.space, "", {"name": "e"})
        self.search = open_search(self.plan, self.experiment)

    def resume(self, trials: int | None = None, **options: object) -> None:
        self.experiment.close()
        changed = dataclasses.replace(self.plan.options, **options)  # type: ignore[arg-type]  # a dict of mixed values
        self.plan = dataclasses.replace(self.plan, trials=trials or self.plan.trials, options=changed)
        self.experiment = Experiment.reopen(self.plan.root, self.space, {"name": "e"})
        self.search = open_search(self.plan, self.experiment)

    def close(self) -> None:
        self.experiment.close()

    def start(self) -> TrialSpec:
        spec = self.search.queue.next()
        assert isinstance(spec, TrialSpec)
        return spec

    def epoch(self, spec: TrialSpec, epoch: int, value: float) -> bool:
        waits = epoch in (self.search.rule.rungs() or ())
        metrics = [{"epoch": float(epoch), "value": value}]
        return self.search.recorder.take(Report(spec.trial_id, metrics, 1.0, WorkerId("node", 1), "node", waits=waits))

    def end(self, spec: TrialSpec, state: TrialState = TrialState.COMPLETE, **more: object) -> None:
        self.search.recorder.take(Report(spec.trial_id, end=TrialEnd(state, **more)))  # type: ignore[arg-type]  # mixed values

    def run(self, value: Callable[[TrialSpec], float] = lambda spec: 1.0) -> None:
        """One trial at a time until the search is over."""
        while isinstance(spec := self.search.queue.next(), TrialSpec):
            self.epoch(spec, 2, value(spec))
            self.end(spec)
        assert spec is NoTrial.SEARCH_OVER
        self.search.recorder.close()

    def best(self) -> EndedTrial | None:
        return best(self.search.trials.ended.values(), self.space.goals)

    def ranked(self) -> list[EndedTrial]:
        return ranked(self.search.trials.ended.values(), self.space.goals)

    def states(self) -> dict[str, str]:
        table = read_trials(self.experiment.root).table
        return dict(zip(table["trial_id"].to_pylist(), table["state"].to_pylist(), strict=True))

    def study(self) -> Counter[str]:
        storage = JournalStorage(JournalFileBackend(str(self.experiment.journal)))
        return Counter(t.state.name for t in optuna.load_study(study_name=None, storage=storage).trials)
