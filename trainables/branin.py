"""Branin's function as a trainable: a search whose optimum is known takes milliseconds and needs no framework.

The function and its three minimizers are those of Dixon and Szegő, Towards Global Optimisation 2 (1978).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from trainables.errors import TrainableError
from trainables.setting_table import check_settings, number, whole
from trainables.trial import Config, DatasetInfo, Declaration, Metrics, Trial

MINIMUM = 10 / (8 * math.pi)
"""The least value, 0.397887..., in closed form, because the square vanishes at every minimizer."""
MINIMISERS = ((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475))

SETTINGS = {
    "x1": number(-5, 10),
    "x2": number(0, 15),
    "epochs": whole(1),
    "sleep_s": number(0),
}


def train(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Yield `value` after every epoch; it falls towards branin(x1, x2) and is exactly that at the last epoch.

    `epochs` (default 1) is the number of epochs, `sleep_s` (default 0) the seconds that each epoch takes.
    """
    x1, x2, epochs, sleep_s = (float(str(config.get(name, default))) for name, default in _DEFAULTS.items())
    final = branin(x1, x2)
    for epoch in range(_epoch_in(trial.checkpoint) + 1, int(epochs) + 1):
        time.sleep(sleep_s)
        trial.save = lambda folder, epoch=epoch: _save(folder, epoch)
        yield {"epoch": epoch, "value": final + 50 * (1 / epoch - 1 / epochs)}


def branin(x1: float, x2: float) -> float:
    """Return the value of Branin's function, for x1 in [-5, 10] and x2 in [0, 15]."""
    bend = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10


def check(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    """Raise TrainableError for a setting that the function does not have, or that lies outside its domain."""
    check_settings(settings, SETTINGS)


def check_change(names: Sequence[str], settings: Mapping[str, Sequence[object]]) -> None:
    """Raise TrainableError for a setting that must be the same in all epochs of a trial."""
    for name in names:
        if name not in ("x1", "x2"):
            raise TrainableError(f"setting '{name}' cannot change in the middle of a trial; expected x1 or x2.")


def _save(folder: Path, epoch: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "branin.json").write_text(json.dumps({"epoch": epoch}))


def _epoch_in(checkpoint: Path | None) -> int:
    if checkpoint is None:
        return 0
    return int(json.loads((checkpoint / "branin.json").read_text())["epoch"])


_DEFAULTS = {"x1": 0.0, "x2": 0.0, "epochs": 1, "sleep_s": 0.0}

DECLARATION = Declaration(
    metrics=frozenset({"value"}), check=check, smoke={"epochs": 1, "sleep_s": 0}, check_change=check_change
)
train.declaration = DECLARATION  # type: ignore[attr-defined]
