"""The contestants of `benchmarks/overhead.py`: the commands of each, and how the ends of its trials are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.record import Record, read
from search.experiment.schema import read_trials

Commands = Callable[[int, Path], list[list[str]]]
"""Function (trials, an empty folder) that gives the commands to be run side by side."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the same trials."""

    title: str
    commands: Commands
    read: Callable[[Path], Record]
    known_s: float | None = None
    """Seconds a trial that were measured before on two cores, as a whole command of 40 trials."""
    many: bool = False
    """Whether it also runs the larger number of trials."""


_CNN = ("benchmarks/spaces/digits_cnn.py",)
_HYPERMODEL = (
    *("benchmarks/peers/keras_tuner_random.py:build", "--dataset", "digits", "--metric", "val_accuracy"),
    *("--stopping", "none", "--set", "epochs=5", "--set", "batch_size=64"),
)
"""What the KerasTuner peer searches, as it stands there."""


def _ours(trials: int, folder: Path, sampler: str = "tpe", space: Sequence[str] = _CNN) -> list[list[str]]:
    words = [*space, "--trials", str(trials), "--sampler", sampler]
    return [[sys.executable, "-m", "search.run", *words, "--results", str(folder), "--name", "ours"]]


def _read_ours(folder: Path) -> Record:
    rows = read_trials(folder / "ours").table.select(["finished_at", "val_accuracy", "state"]).to_pylist()
    ended = sorted((row["finished_at"].timestamp(), row["val_accuracy"]) for row in rows if row["state"] == "complete")
    return Record([at for at, _ in ended], [value for _, value in ended])


def _peer(module: str, *options: str) -> Commands:
    def commands(trials: int, folder: Path) -> list[list[str]]:
        words = [f"benchmarks.peers.{module}", "--trials", str(trials), "--output", str(folder / "0.json"), *options]
        return [[sys.executable, "-m", *words]]

    return commands


def _two_bare_programs(trials: int, folder: Path) -> list[list[str]]:
    return [
        [
            *(sys.executable, "-m", "benchmarks.peers.bare_program", "--trials", str(count)),
            *("--output", str(folder / f"{seed}.json"), "--seed", str(seed)),
        ]
        for seed, count in enumerate((trials - trials // 2, trials // 2))
    ]


def _read_peer(folder: Path) -> Record:
    return read(sorted(folder.glob("*.json")))


CONTESTANTS = {
    "floor": Contestant("floor: our programs in a bare loop, 2 processes", _two_bare_programs, _read_peer, many=True),
    "ours": Contestant("**this system**, TPE, 2 workers", _ours, _read_ours, many=True),
    "ours-mfgp": Contestant(
        "this system, mfgp, its default", lambda trials, folder: _ours(trials, folder, "mfgp"), _read_ours
    ),
    "ours-random": Contestant(
        "this system, random", lambda trials, folder: _ours(trials, folder, "random"), _read_ours
    ),
    "hypermodel": Contestant(
        "this system, the HyperModel of the KerasTuner peer, random",
        lambda trials, folder: _ours(trials, folder, "random", _HYPERMODEL),
        _read_ours,
    ),
    "hypermodel-fit": Contestant(
        "the same, trained by Keras' `fit`",
        lambda trials, folder: _ours(trials, folder, "random", (*_HYPERMODEL, "--set", "engine=fit")),
        _read_ours,
    ),
    "tune-reused": Contestant(
        "Ray Tune + OptunaSearch, reused actors", _peer("tune_optuna", "--reuse"), _read_peer, 0.78
    ),
    "bare-keras": Contestant("bare loop of Keras `fit`", _peer("bare_keras"), _read_peer),
    "optuna": Contestant("Optuna alone", _peer("optuna_alone"), _read_peer, 1.32),
    "keras-tuner": Contestant("KerasTuner RandomSearch", _peer("keras_tuner_random"), _read_peer, 1.93),
    "tune-fresh": Contestant("Ray Tune + OptunaSearch, fresh actors", _peer("tune_optuna"), _read_peer, 3.33),
}
