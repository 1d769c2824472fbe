"""Experiment folders for the tests of `analysis`, made by the real writer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search.experiment.folder import Experiment
from search.space import Choice, Float, Int, Space
from trainables.branin import train

START = datetime(2025, 3, 1, 12, tzinfo=UTC)
Row = dict[str, Any]

SPACE = Space(
    trainable=train,
    dataset="digits",
    parameters={
        "filters": Choice(32, 64),
        "kernel_size": Choice(3, 5),
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "network": Choice("two_conv", "vgg16"),
        "unfreeze_depth": Int(0, 4, when={"network": "vgg16"}),
    },
    fixed={"epochs": 5, "batch_size": 128},
    trials=40,
)


def manifest(name: str, space: Space = SPACE, **changes: Any) -> dict[str, Any]:
    """A manifest as the driver writes it."""
    return {
        "format": 1,
        "name": name,
        "question": "How many filters do digits need?",
        "command": [f"spaces/{name}.py", "--name", name],
        "space": {
            "file": f"spaces/{name}.py",
            "sha256": "0" * 64,
            "trainable": "trainables.branin:train",
            "dataset": space.dataset,
            "metric": space.metric,
            "mode": space.mode,
            "objectives": dict(space.objectives),
            "constraints": dict(space.constraints),
            "parameters": {key: describe(parameter) for key, parameter in space.parameters.items()},
            "fixed": dict(space.fixed),
        },
        "dataset": {
            "name": "digits",
            "source": "scikit-learn",
            "fingerprint": "ab12",
            "num_train": 1200,
            "num_validation": 297,
            "num_test": 300,
            "num_classes": 3,
            "class_names": ["cat", "dog", "panda"],
            "notes": [],
        },
        "options": {"trials": 40, "sampler": "tpe", "stopping": "asha", "repeats": 1, "seed": 0},
        "versions": {"python": "3.11.7", "keras": "3.15.0"},
        "hardware": {"hostname": "host", "cpus": 2, "memory_gib": 8, "gpus": 0},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "created_at": START.isoformat(),
        "state": "finished",
        "sessions": [],
        **changes,
    }


def describe(parameter: Any) -> dict[str, Any]:
    """A parameter as the manifest holds it."""
    when = {"when": {key: list(map(str, values)) for key, values in parameter.when.items()}}
    if isinstance(parameter, Choice):
        return {"kind": "Choice", "options": list(parameter.texts()), **when}
    entry = {"kind": type(parameter).__name__, "low": parameter.low, "high": parameter.high, "log": parameter.log}
    return {**entry, "step": parameter.step, **when}


def trial(number: int, value: float, config: Mapping[str, Any], **changes: Any) -> Row:
    """The row of a complete trial; a setting that is not named is null."""
    return {
        "trial_id": f"t{number:05d}",
        "number": number,
        "state": "complete",
        "dataset": "digits",
        "seed": 0,
        **{f"config.{name}": setting for name, setting in config.items()},
        "epochs": 5,
        "best_epoch": 4,
        "loss": 1.2 - value,
        "accuracy": min(value + 0.02, 1.0),
        "val_loss": 1.3 - value,
        "val_accuracy": value,
        "test_loss": 1.35 - value,
        "test_accuracy": round((value - 0.01) * 300) / 300,
        "num_parameters": 1000 * (number + 1),
        "num_trainable_parameters": 900 * (number + 1),
        "sample_size": 1200,
        "started_at": START + timedelta(seconds=10 * number),
        "finished_at": START + timedelta(seconds=10 * number + 14),
        "train_seconds": 13.5,
        "wait_seconds": 0.1,
        "node": "n1",
        "worker": f"n1:{100 + number % 2}",
        **changes,
    }


def epoch_rows(row: Row) -> list[Row]:
    """Curves that end at the row's values."""
    count = int(row.get("epochs", 1))
    final = float(row.get("val_accuracy") or 0.3)
    rows = []
    for epoch in range(1, count + 1):
        share = 1 - math.exp(-1.2 * epoch)
        value = final * share
        measures = {
            "loss": 1.2 - value,
            "accuracy": min(value + 0.02, 1),
            "val_loss": 1.3 - value,
            "val_accuracy": value,
        }
        rows.append({"trial_id": row["trial_id"], "epoch": epoch, "stage": 1, "learning_rate": 1e-3, **measures})
    return rows


def write(
    root: Path,
    rows: Sequence[Row],
    space: Space = SPACE,
    compact: bool = True,
    epochs: bool = True,
    **changes: Any,
) -> Path:
    """An experiment folder with these rows, closed."""
    experiment = Experiment.create(root, space, "# a space\n", manifest(root.name, space, **changes))
    several = [rows] if compact else [[row] for row in rows]
    for part in several:
        experiment.append(trials=part, epochs=[line for row in part for line in epoch_rows(row)] if epochs else [])
    if compact:
        experiment.compact()
    experiment.close()
    return root


def searched(count: int = 40, seed: int = 0, repeats: int = 0) -> list[Row]:
    """The rows of a plausible search: pruned and failed trials, a conditional parameter, repeats of the best."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        network = str(rng.choice(["two_conv", "vgg16"]))
        config: Row = {
            "filters": int(rng.choice([32, 64])), "kernel_size": int(rng.choice([3, 5])),
            "learning_rate": float(10 ** rng.uniform(-4, -1)), "network": network,
        }  # fmt: skip
        if network == "vgg16":
            config["unfreeze_depth"] = int(rng.integers(0, 5))
        quality = 0.97 - 0.05 * (math.log10(config["learning_rate"]) + 2.7) ** 2 + 0.005 * (config["filters"] == 64)
        value = float(np.clip(quality - 0.01 * (network == "vgg16") + rng.normal(0, 0.004), 0.2, 0.995))
        row = trial(number, value, config)
        if number % 9 == 5:
            row = _failed(row)
        elif number % 3 == 1:
            row = _pruned(row, 1 + number % 4)
        rows.append(row)
    done = sorted((row for row in rows if row["state"] == "complete"), key=lambda row: -row["val_accuracy"])
    for row in done[:3]:
        for k in range(1, repeats + 1):
            value = row["val_accuracy"] + float(rng.normal(-0.002, 0.004))
            config = {key.removeprefix("config."): v for key, v in row.items() if key.startswith("config.")}
            again = trial(len(rows), value, config, seed=k, repeat_of=row["trial_id"])
            rows.append({**again, "number": row["number"]})  # A repeat has the number of its first run.
    return rows


def write_predictions(root: Path, trial_id: str, classes: int = 3, images: int = 300, seed: int = 0) -> None:
    """Test predictions as a trainable writes them, nine in ten right."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, images)
    predicted = np.where(rng.random(images) < 0.9, label, rng.integers(0, classes, images))
    names = ["cat", "dog", "panda"] if classes == 3 else [f"class number {n}" for n in range(classes)]
    shares = {f"probability_{name}": (predicted == n).astype("float32") for n, name in enumerate(names)}
    (root / "predictions").mkdir(exist_ok=True)
    table = pa.table({"row": np.arange(images), "label": label, "predicted": predicted, **shares})
    pq.write_table(table, root / "predictions" / f"{trial_id}.parquet")


def _failed(row: Row) -> Row:
    kept = ("trial_id", "number", "dataset", "seed", "started_at", "finished_at", "worker", "node")
    settings = {key: value for key, value in row.items() if key in kept or key.startswith("config.")}
    return {
        **settings,
        "state": "failed",
        "epochs": 1,
        "error": "NaN loss in epoch 2",
        "log": f"logs/{row['trial_id']}.log",
    }


def _pruned(row: Row, epochs: int) -> Row:
    value = row["val_accuracy"] * 0.9
    ended = row["started_at"] + timedelta(seconds=2.7 * epochs)
    dropped = {"test_loss", "test_accuracy"}
    kept = {key: v for key, v in row.items() if key not in dropped}
    return {
        **kept,
        "state": "pruned",
        "epochs": epochs,
        "best_epoch": epochs,
        "val_accuracy": value,
        "finished_at": ended,
    }
