"""A training process, and a trainable that does what its trial's `act` says."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.space.loading import SpaceFile
from search.trial.forking.launch import ForkServer, ForkServerPlan
from search.trial.messages import ProcessResources, Report, SearchContext, TrialSpec
from search.trial.process import import_path, training_environment
from search.trial.runner import TrialRunner

SPACE = """
    import json, os, pathlib, sys, time
    import numpy
    from search.space import Choice, Space

    kept = []

    def train(config, trial):
        act, epochs = config["act"], config.get("epochs", 3)
        if act == "print":
            print("a word from the trial")
            os.write(2, b"and one past Python")
        first = 1
        if trial.checkpoint is not None:
            first = json.loads((trial.checkpoint / "state.json").read_text())["epoch"] + 1
        for epoch in range(first, epochs + 1):
            def save(folder, epoch=epoch):
                (folder / "state.json").write_text(json.dumps({"epoch": epoch}))
            trial.save = save
            if act == "full" and not pathlib.Path(config["folder"], "mended").exists():
                refused = lambda path: pathlib.Path("/dev/full").write_text("what has no space")
                trial.save, trial.save_model = (refused, None) if config["what"] == "checkpoint" else (save, refused)
            if act == "raise" and epoch == 2:
                raise KeyError("no such layer")
            if act == "colours":
                raise ValueError("\\x1b[1m4 channels\\x1b[0m, not 3")
            if act == "prune" and epoch == 2:
                import optuna
                raise optuna.TrialPruned()
            if act == "exit":
                sys.exit(7)
            if act == "vanish" and epoch == 2:
                os._exit(3)
            if act == "hang" and epoch == 2:
                time.sleep(600)
            if act == "grow" and epoch == 1:
                kept.append(os.urandom(32 << 20))
            if act == "map" and epoch == 1:
                kept.append(numpy.memmap(pathlib.Path(config["folder"]) / "images"))
                assert kept[-1].sum() > 0
            if act == "slow":
                time.sleep(0.2)
            loss = {"nan": float("nan"), "explode": 1e9}.get(act, 1.0) if epoch == 2 else 1.0
            name = "val_acuracy" if act == "misspelt" else "score"
            own = {"epoch": 3 - epoch} if act == "back" else {"seed": 7.0} if act == "taken" else {}
            yield {name: float(epoch), "loss": loss, "first": first, **own}
        if act == "summary":
            trial.facts["engine_reason"] = "known at the end"
            yield {"test_score": 0.5}

    def tidy(config, trial):
        try:
            yield from train(config, trial)
        finally:
            time.sleep(0.3)
            pathlib.Path(config["folder"], "tidied").touch()

    def train_or_return(config, trial):
        if config["act"] == "return":
            return {"score": 1.0}
        return tidy(config, trial) if config["act"] == "tidy" else train(config, trial)

    space = Space(trainable=train_or_return, parameters={"act": Choice("good", "bad")}, metric="score", trials=2)
"""


def warm_up() -> None:
    """What a fork server of these tests imports: any module that nothing else does."""
    import wave  # noqa: F401  # is all that is wanted


def fork_server() -> ForkServer:
    """A fork server; whoever asks for it closes it."""
    return started(ForkServerPlan.of(warm_up, 1, {}))


def started(plan: ForkServerPlan) -> ForkServer:
    """The server of a plan."""
    return ForkServer(plan, training_environment(import_path(), ProcessResources()))


def open_data(name: str, data_dir: Path | None, settings: Mapping[str, Sequence[object]]) -> None:
    """Tell in a file of the data directory, which is there, what it was called with, and by which process."""
    assert data_dir is not None
    (data_dir / "opening").write_text(json.dumps([name, settings, os.getpid(), os.getppid()]))
    (data_dir / "opening").rename(data_dir / "opened")
    if name == "endless":
        time.sleep(600)
    raise OSError("nobody hears this")


def context(root: Path, **changes: object) -> SearchContext:
    options: dict[str, object] = {
        "space_file": SpaceFile(str(root / "acts.py"), textwrap.dedent(SPACE)),
        "import_path": (str(Path(__file__).parents[2]), *sys.path),
        "experiment": str(root),
        "metric": "score",
        "mode": "max",
        "split_seed": 0,
        "data_dir": None,
        "rungs": (),
        "report_every_s": 0.0,
        **changes,
    }
    return SearchContext(**options)  # type: ignore[arg-type]  # a dict of mixed values


def run(runner: TrialRunner, trial_id: str = "00000", decides: bool = True, **config: object) -> list[Report]:
    """All reports of one trial."""
    runner.begin(TrialSpec(trial_id, dict(config), seed=0, proposed_at=time.monotonic(), decides=decides))
    reports = [runner.proceed()]
    while reports[-1].end is None:
        reports.append(runner.proceed())
    return reports


def until_it_waits(runner: TrialRunner) -> list[Report]:
    """The reports of a trial that has begun up to its next rung, where it waits for a decision."""
    reports = [runner.proceed()]
    while not reports[-1].waits:
        reports.append(runner.proceed())
    return reports


def scores(reports: list[Report]) -> list[float]:
    return [metrics["score"] for report in reports for metrics in report.epochs]


def pid_of(reports: list[Report]) -> int:
    """Process id of the training process that reported last."""
    worker = reports[-1].worker
    assert worker is not None
    return worker.pid
