"""Reads experiment folders, near or far, finished or running, as tidy tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs

from analysis.stored.manifest import MANIFEST, read_manifest
from analysis.stored.source import StoredExperiment, Tables, read_tables
from search.errors import SearchError
from search.experiment.remote.resumable import why_none
from search.experiment.remote.store import Store, parse_results_path, reason
from search.experiment.schema import CONFIG_PREFIX
from search.goals import Goals
from search.wording import counted


@dataclass(frozen=True, eq=False)
class Results:
    """Trials and epochs of one or more experiments.

    `trials` has one row for each trial, with the columns of `trials.parquet`, `experiment` (the name of its folder) and
    `key` (unique over all sources). `skipped` names damaged files, and `wrong` says what in manifests and tables was
    not as expected; everything else has been read. Two results are equal only when they are one object, so that what is
    computed from them can be kept.
    """

    sources: tuple[StoredExperiment, ...]
    trials: pd.DataFrame
    skipped: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def epochs(self) -> pd.DataFrame:
        """One row for each trial and epoch, with `key` as in `trials`; read when first asked for."""
        return self._epochs.frame

    @property
    def wrong_epochs(self) -> tuple[str, ...]:
        """Sentences on values by epoch that could not be read or were not as expected."""
        damaged = [f"Damaged files were left out: {', '.join(self._epochs.skipped)}."] * bool(self._epochs.skipped)
        return (*damaged, *self._epochs.wrong)

    @cached_property
    def _epochs(self) -> Tables:
        read = read_tables(self.sources, "epochs")
        frame = read.frame
        if len(frame):  # Epochs of trials that are not in the table of trials are left out.
            frame = frame[frame["key"].isin(self.trials["key"])].reset_index(drop=True)
        return Tables(frame, read.skipped, read.wrong)

    @property
    def metric(self) -> str:
        """The metric that chooses; raises SearchError where the experiments have different ones."""
        return self._only("metric")

    @property
    def mode(self) -> str:
        """`max` or `min`; raises SearchError where the experiments have different ones."""
        return self._only("mode")

    @cached_property
    def goals(self) -> Goals:
        """The objectives and constraints that all experiments share; raises as `metric` does."""
        told = [(source.space.objectives, source.space.constraints) for source in self.sources]
        shared = told[0] if all(one == told[0] for one in told) else ({}, {})
        return Goals(self.metric, self.mode, *map(dict, shared))

    def _only(self, entry: str) -> str:
        values = {source.name: str(getattr(source.space, entry)) for source in self.sources}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{name}: {value}" for name, value in values.items())
            raise SearchError(f"the experiments differ in their {entry} ({told}); expected one. Analyse them apart.")
        return next(iter(values.values()))

    @cached_property
    def parameters(self) -> list[str]:
        """The columns of settings: searched ones in the order of their space, then others."""
        declared = [CONFIG_PREFIX + name for source in self.sources for name in source.declared]
        names = [name for name in self.trials.columns if name.startswith(CONFIG_PREFIX)]
        return sorted(names, key=lambda name: declared.index(name) if name in declared else len(declared))

    @cached_property
    def searched(self) -> list[str]:
        """The settings that at least one space searched, or all where the spaces declare none."""
        declared = {CONFIG_PREFIX + name for source in self.sources for name in source.declared}
        return [name for name in self.parameters if name in declared] or self.parameters

    @cached_property
    def constant(self) -> list[str]:
        """The settings that a space searched, although they have the same value in all trials."""
        return [name for name in self.searched if name not in self.varied]

    @cached_property
    def varied(self) -> list[str]:
        """The settings of which at least two values occur; null (inactive) counts as one."""
        return [name for name in self.parameters if self.trials[name].nunique(dropna=False) > 1]

    def complete(self) -> pd.DataFrame:
        """Return the trials that ran to their end, reported the metric and violate no constraint.

        Raises SearchError where there is none.
        """
        trials, kept = self.trials, ""
        if self.metric in trials:
            done = trials[(trials["state"] == "complete") & trials[self.metric].notna() & ~self.violating]
            if len(done):
                return done
            kept = " that keeps the constraints" if self.violating.any() else ""
        raise SearchError(
            f"{self.names} has no finished trial yet{kept} ({states(trials)}); wait for one, or see its logs."
        )

    @cached_property
    def first_runs(self) -> pd.DataFrame:
        """The trials without their repeats over further seeds: what the search itself ran."""
        if "repeat_of" not in self.trials:
            return self.trials
        return self.trials[self.trials["repeat_of"].isna()]

    @cached_property
    def on_a_part(self) -> pd.Series:
        """Which trials ended before they had their whole training set; their values are compared with nothing."""
        if "training_share" not in self.trials:
            return pd.Series(False, self.trials.index)
        return self.trials["training_share"].fillna(1.0) < 1

    @cached_property
    def violating(self) -> pd.Series:
        """Which trials violate a constraint of their search; their values are compared with nothing."""
        if "violates" not in self.trials:
            return pd.Series(False, self.trials.index)
        return self.trials["violates"].notna()

    @property
    def names(self) -> str:
        """The names of the experiments, for a message."""
        return ", ".join(source.name for source in self.sources)

    def parameter(self, name: str) -> Mapping[str, Any]:
        """Return how the spaces declare a setting (kind, low, high, log, options); empty where they do not."""
        short = name.removeprefix(CONFIG_PREFIX)
        for source in self.sources:
            declared = source.declared.get(short)
            if declared:
                return dict(declared)
        return {}


def states(trials: pd.DataFrame) -> str:
    """Return in words how many trials there are in each state; repeats over further seeds are counted apart."""
    if trials.empty:
        return "no trials"
    again = trials["repeat_of"].notna() if "repeat_of" in trials else pd.Series(False, trials.index)
    counts = trials.loc[~again, "state"].value_counts()
    known = [state for state in ("complete", "pruned", "failed", "running") if state in counts.index]
    told = [f"{counts[state]} {state}" for state in known]
    return ", ".join(told + [f"and {counted(int(again.sum()), 'repeat')}"] * bool(again.any()))


def load(*addresses: str | Path) -> Results:
    """Return the results in folders of experiments: local paths, or addresses that pyarrow knows (`s3://...`).

    Raises SearchError for a folder that is not an experiment.
    """
    if not addresses:
        raise SearchError("no results are given; expected folders of experiments, like results/mnist_filters.")
    sources = _named([_open(str(address)) for address in addresses])
    read = read_tables(sources, "trials")
    trials = read.frame
    for column in ("trial_id", "state"):
        if column not in trials:
            trials[column] = pd.Series(None, trials.index, dtype="str")
    if "number" not in trials or trials["number"].isna().any():
        trials["number"] = range(len(trials))
    wrong = [f"{source.name}: {sentence}." for source in sources for sentence in source.manifest.wrong]
    return Results(sources, trials, read.skipped, (*wrong, *read.wrong))


def _open(address: str) -> StoredExperiment:
    files, root = locate(address)
    path = f"{root}/{MANIFEST}"
    try:
        with files.open_input_file(path) as stored:
            manifest = json.loads(stored.read())
        if not isinstance(manifest, dict):
            raise ValueError("no JSON object")
    except (FileNotFoundError, NotADirectoryError):
        raise SearchError(why_none(parse_results_path(address))) from None
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise SearchError(f"{path} cannot be read ({reason(error)}); expected the manifest of an experiment.") from None
    return StoredExperiment(address, Path(root).name, read_manifest(manifest), files, root)


def locate(address: str) -> tuple[pafs.FileSystem, str]:
    """Return the file system of an experiment's address, and the path of its folder within that."""
    found = parse_results_path(address)
    if isinstance(found, Store):
        return found.files, found.path
    return pafs.LocalFileSystem(), found.resolve().as_posix()


def _named(sources: Iterable[StoredExperiment]) -> tuple[StoredExperiment, ...]:
    """Return each folder once, under a name of its own: by its address where another folder has the same name."""
    found = list({(source.files.type_name, source.root): source for source in sources}.values())
    names = [source.name for source in found]
    return tuple(
        source
        if names.count(source.name) == 1
        else StoredExperiment(source.address, source.address.rstrip("/"), source.manifest, source.files, source.root)
        for source in found
    )
