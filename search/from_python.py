"""A search from Python: `run_search(space, trials=20)` is `python -m search.run SPACE --trials 20`."""

from __future__ import annotations

import importlib
import tempfile
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, overload

from search.carry_out import Ended, carry_out
from search.console import Console
from search.driver.history import ended_trials
from search.driver.ranking import best, front, scores, values_by_configuration
from search.errors import NothingSucceeded, SearchError
from search.experiment.again import GIVEN
from search.experiment.existing import is_experiment
from search.experiment.manifest import read_manifest
from search.experiment.remote.resumable import why_none
from search.experiment.schema import read_epochs, read_trials
from search.experiment.states import SearchEnd
from search.goals import Goals
from search.keywords import keyword_words
from search.packing import pack, written_out
from search.planning.options import parse
from search.space.loading import SpaceFile, read_space
from trainables.errors import TrainableError

if TYPE_CHECKING:
    import pandas as pd

LOAD_MODEL = ("trainables.image_classifier", "load_model")
"""Loads a stored model; found by its name, so that nothing here waits for TensorFlow or knows of image classifiers."""


@dataclass(frozen=True)
class Best:
    """The configuration with the best metric, as the mean over its seeds."""

    trial_id: str
    """Its first run."""
    value: float
    config: Mapping[str, object]
    """Its active parameters; of a member of a population that goes on with another, those of its last epochs."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Each of several objectives, likewise."""


class Experiment:
    """One experiment folder; everything is read from there when it is asked for, also while a search runs."""

    def __init__(self, path: str | Path, space: Any = None) -> None:
        """Open the folder; raises SearchError where it holds no experiment.

        `space`: the object that was searched, which the folder does not hold; a space file is found without.
        """
        self.path = Path(path)
        if not is_experiment(self.path):
            raise SearchError(why_none(self.path))
        self._space = space

    @property
    def name(self) -> str:
        """The name of the experiment, that of its folder."""
        return self.path.name

    @property
    def manifest(self) -> dict[str, Any]:
        """What manifest.json says: command, data set, versions, machine."""
        return read_manifest(self.path)

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial; docs/data_dictionary.md tells the columns."""
        frame: pd.DataFrame = read_trials(self.path).table.to_pandas()
        return frame

    @property
    def epochs(self) -> pd.DataFrame:
        """One row for each trial and epoch."""
        frame: pd.DataFrame = read_epochs(self.path).table.to_pandas()
        return frame

    @property
    def best(self) -> Best:
        """The best configuration so far; of several objectives the one that leads their front by the first of them.

        Raises SearchError while no trial is complete that keeps the constraints.
        """
        return self.front[0]

    @property
    def front(self) -> list[Best]:
        """The configurations that no other dominates, best by the first objective first; of one metric the best alone.

        Raises SearchError as `best` does.
        """
        goals = Goals.of(self.manifest["space"])
        ended = ended_trials(self.path, goals.metric)
        by_id = {trial.trial_id: trial for trial in ended}
        leader = best(ended, goals)
        if leader is None:
            kept = " that keeps the constraints" if goals.constraints else ""
            raise SearchError(f"{self.path} has no complete trial{kept}; its table of trials tells the state of each.")
        on = front(ended, goals) if goals.objectives else [leader.trial_id]
        runs, known = values_by_configuration(ended), scores(ended, goals) if goals.objectives else {}
        return [
            Best(name, fmean(runs[name]), by_id[name].config, dict(zip(goals.objectives, known[name], strict=True)))
            if known
            else Best(name, fmean(runs[name]), by_id[name].config)
            for name in on
        ]

    def best_model(self) -> Any:
        """The Keras model of the best trial, as it was measured; raises SearchError where none is stored."""
        path = self.path / "models" / f"{self.best.trial_id}.keras"
        if not path.is_file():
            raise SearchError(f"{path} is not there: the trainable keeps no model, or it lies on another machine.")
        return self.load_model(path)

    def load_model(self, path: str | Path) -> Any:
        """The Keras model of one of its `.keras` files, also one with classes of the user's own."""
        module, name = LOAD_MODEL
        load = getattr(importlib.import_module(module), name)
        gives_data = "data" in self.manifest["space"]
        return load(path, self._build, dataset=self._data if gives_data else None)

    def _build(self, *words: Any) -> Any:
        """The build of a model of the user's own, which Keras may not make from its file alone."""
        return self.searched().execute().trainable.build(*words)

    def _data(self, *words: Any) -> Any:
        """The data function of the space, which is needed only where a model must be built anew."""
        function: Any = self.searched().execute().dataset
        return function(*words)

    def resume(self, **options: Any) -> Experiment:
        """Go on with the search, as `--resume` does; `trials=80` extends one that has ended."""
        where = {"name": self.name, "results": self.manifest.get("results") or self.path.parent}
        return _search(self.searched(), self._space, {**where, **options, "resume": True})

    def searched(self) -> SpaceFile:
        """What was searched; raises SearchError where nothing tells."""
        if self._space is not None:
            return space_file(self._space)
        file = self.manifest["space"]["file"]
        if file is None:
            raise SearchError(
                f"{self.path} was searched from Python; open it with its object: Experiment(path, space)."
            )
        try:
            return read_space(file)
        except SearchError:
            return read_space(str(self.path / "space.py"))

    def __repr__(self) -> str:
        return f"Experiment({str(self.path)!r}), {self.manifest['state']}"


@overload
def run_search(space: Any, *, dry_run: Literal[True], **options: Any) -> None: ...
@overload
def run_search(space: Any, **options: Any) -> Experiment: ...


def run_search(space: Any, **options: Any) -> Experiment | None:
    """Search a space, and return its experiment.

    `space` is a `Space`, a KerasTuner HyperModel or a function `build(hp)`, or the path of a space file. Options are
    those of the command line, with `_` for `-`: `trials=20, repeats=3, set={"epochs": 5}, time_budget="30m"`. An
    object without `name` is searched under a new name each time.

    Ctrl-C, or interrupting the cell, saves and then raises KeyboardInterrupt; `resume=True` with the same `name`, or
    `Experiment(path, space).resume()`, goes on. Raises SearchError, and NothingSucceeded where no trial did. With
    `dry_run=True` the plan is shown, and nothing trained.
    """
    if options.get("dry_run"):
        _carry_out(space_file(space), _named(space, options))
        return None
    return _search(space_file(space), space, _named(space, options))


def space_file(space: Any) -> SpaceFile:
    """The space file of a path, or of an object, which then travels by value."""
    if isinstance(space, (str, Path)):
        return read_space(str(space))
    name = getattr(space, "__name__", type(space).__name__).lower()
    return SpaceFile(f"{name}.py", written_out(space), packed=pack(space))


def _named(space: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a name for an object, new in each second, so that a cell can be run again."""
    if isinstance(space, (str, Path)) or options.get("name") is not None:
        return dict(options)
    if options.get("resume"):
        raise SearchError("resume=True goes on with the experiment of a name; give name=... with it.")
    return {**options, "name": f"search-{time.strftime('%Y%m%d-%H%M%S')}"}


def _search(file: SpaceFile, space: Any, options: dict[str, Any]) -> Experiment:
    throwaway = bool(options.get("smoke")) and options.get("results") is None
    if throwaway:  # It is kept for as long as its experiment is looked at.
        options = {**options, "results": tempfile.mkdtemp(prefix="search-smoke-")}
    ended = _carry_out(file, options)
    assert ended is not None, "no dry run"
    if ended.fault is not None:
        raise NothingSucceeded(f"{ended.fault} Its folder is {ended.plan.root}.")
    if ended.end is SearchEnd.INTERRUPTED:
        raise KeyboardInterrupt(f"interrupted, and saved: Experiment({str(ended.plan.root)!r}, space).resume() goes on")
    experiment = Experiment(ended.plan.root, space)
    if throwaway:
        weakref.finalize(experiment, rmtree, ended.plan.results, ignore_errors=True)
    return experiment


def _carry_out(file: SpaceFile, options: Mapping[str, Any]) -> Ended | None:
    words = (GIVEN if file.packed else file.address, *keyword_words(options))
    console = Console(quiet=bool(options.get("quiet")))
    try:
        return carry_out(parse(words), words, console, file)
    except TrainableError as error:
        raise SearchError(str(error)) from None
    except PermissionError as error:
        raise SearchError(f"{error.filename}: permission denied. Change its permissions, or name another.") from None
