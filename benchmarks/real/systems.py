"""The systems that are compared: the commands of each, and the epochs that each has left behind."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from search.experiment.schema import read_epochs, read_trials

Commands = Callable[[str, int, Path], list[list[str]]]
"""Function (problem, seed, an empty folder) that gives the commands to be run side by side."""


@dataclass(frozen=True)
class Epoch:
    """The end of one epoch."""

    at: float
    """Seconds since 1970."""
    value: float
    """Validation accuracy."""


@dataclass(frozen=True)
class System:
    """One way to search."""

    commands: Commands
    read: Callable[[Path], list[Epoch]]
    """Function of the folder that gives the epochs that have ended, in any order."""


def _ours(problem: str, seed: int, folder: Path) -> list[list[str]]:
    words = [f"benchmarks/spaces/real_{problem}.py", "--trials", "100000", "--seed", str(seed), "--quiet"]
    words += ["--max-concurrent", "2", "--results", str(folder), "--name", "ours"]
    return [[sys.executable, "-m", "search.run", *words]]


def _peer(module: str, *workers: list[str]) -> Commands:
    def commands(problem: str, seed: int, folder: Path) -> list[list[str]]:
        words = ["--problem", problem, "--seed", str(seed), "--folder", str(folder)]
        return [[sys.executable, "-m", f"benchmarks.real.{module}", *words, *own] for own in workers or ([],)]

    return commands


def _keras_tuner(problem: str, seed: int, folder: Path) -> list[list[str]]:
    """Return a chief and two workers, which find each other by a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (words,) = _peer("keras_tuner_hyperband")(problem, seed, folder)
    place = ("KERASTUNER_ORACLE_IP=127.0.0.1", f"KERASTUNER_ORACLE_PORT={port}")
    return [["env", *place, f"KERASTUNER_TUNER_ID={name}", *words] for name in ("chief", "tuner0", "tuner1")]


def epochs_of_ours(folder: Path) -> list[Epoch]:
    """Return the epochs of the trials that have ended.

    Their own seconds are known, but not when each ended; a trial's waits, its beginning and its test are spread over
    its epochs in proportion, and its last epoch counts from when the driver had heard of the trial's end.
    """
    if not (folder / "ours" / "manifest.json").exists():
        return []
    trials: pd.DataFrame = read_trials(folder / "ours").table.to_pandas()
    epochs: pd.DataFrame = read_epochs(folder / "ours").table.to_pandas()
    if trials.empty or epochs.empty:
        return []
    trials = trials[trials["finished_at"].notna()].set_index("trial_id")
    epochs = epochs[epochs["trial_id"].isin(trials.index)].sort_values(["trial_id", "epoch"])
    begun, ended = (
        epochs["trial_id"].map(trials[name].astype("datetime64[us, UTC]").astype("int64") / 1e6)
        for name in ("started_at", "finished_at")
    )
    by_trial = epochs.groupby("trial_id")["seconds"]
    at = begun + (ended - begun) * by_trial.cumsum() / by_trial.transform("sum")
    return [Epoch(float(when), float(value)) for when, value in zip(at, epochs["val_accuracy"], strict=True)]


def _epochs_of_peer(folder: Path) -> list[Epoch]:
    events = folder / "events.jsonl"
    if not events.exists():
        return []
    whole = [line for line in events.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [Epoch(found["at"], found["value"]) for found in map(json.loads, whole)]


SYSTEMS = {
    "this system": System(_ours, epochs_of_ours),
    "KerasTuner Hyperband": System(_keras_tuner, _epochs_of_peer),
    "Optuna TPE + Hyperband": System(_peer("optuna_hyperband", ["--worker", "0"], ["--worker", "1"]), _epochs_of_peer),
    "Ray ASHA + OptunaSearch": System(_peer("ray_asha"), _epochs_of_peer),
}
