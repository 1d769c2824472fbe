"""Searches with a stopping rule, simulated on learning curves whose importances are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.experiment.folder import Experiment
from search.space import Float, Space
from search.stopping import Decision, make_rule
from tests.support.analysis_world import Row, manifest
from trainables.branin import train

Values = NDArray[np.float64]

EPOCHS, NAMES = 27, ("rate", "width", "dropout", "nothing")
SPACE = Space(
    trainable=train, parameters={name: Float(0.0, 1.0) for name in NAMES}, metric="score", mode="max", trials=120
)


def _parts(x: Values) -> Values:
    """What each setting adds to the final value, shape as `x`: (trials, settings)."""
    rate, width, dropout, nothing = x.T
    return 0.1 * np.stack([-4 * (rate - 0.6) ** 2, 0.5 * width, 0.25 * np.sin(3 * dropout), 0 * nothing], axis=1)


def true_importance() -> dict[str, float]:
    """The share of the variance over the space that each setting causes; the parts add, so that they sum to one."""
    even = np.repeat(np.linspace(0, 1, 10_001)[:, None], len(NAMES), axis=1)
    shares = _parts(even).var(axis=0)
    return dict(zip(NAMES, map(float, shares / shares.sum()), strict=True))


def pruned_search(root: Path, seed: int, trials: int = 120, haste: float = 0.0) -> Path:
    """An experiment of random trials under successive halving, four at a time; about nine in ten are pruned.

    With `haste` the setting that changes nothing at the end changes how fast trials learn: by so much, from its least
    to its largest value, of the usual speed.
    """
    rng = np.random.default_rng(seed)
    settings = rng.uniform(size=(trials, len(NAMES)))
    final = 0.9 + _parts(settings).sum(axis=1)
    epochs = np.arange(1, EPOCHS + 1)
    speed = 0.25 * (1 + haste * (settings[:, 3:] - 0.5))
    values = final[:, None] - 0.4 * np.exp(-speed * epochs) + rng.normal(0, 0.004, (trials, EPOCHS))
    lengths, pruned = _halved(values, rng)
    rows = [_row(number, settings[number], values[number], lengths[number], pruned[number]) for number in range(trials)]
    curves: list[Row] = [
        {"trial_id": row["trial_id"], "epoch": epoch, "score": float(values[row["number"], epoch - 1])}
        for row in rows
        for epoch in range(1, int(row["epochs"]) + 1)
    ]
    experiment = Experiment.create(root, SPACE, "# a space\n", manifest(root.name, SPACE, dataset=None))
    experiment.append(trials=rows, epochs=curves)
    experiment.compact()
    experiment.close()
    return root


def _halved(values: Values, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The epochs that each trial ran, and whether the rule stopped it."""
    rule = make_rule("asha", "max", {}, EPOCHS)
    lengths, pruned = np.zeros(len(values), int), np.zeros(len(values), bool)
    waiting, running = list(range(len(values)))[::-1], list[int]()
    while waiting or running:
        while waiting and len(running) < 4:
            running.append(waiting.pop())
        trial = running[rng.integers(len(running))]
        lengths[trial] += 1
        pruned[trial] = rule.decide(str(trial), int(lengths[trial]), float(values[trial, lengths[trial] - 1])) is (
            Decision.STOP
        )
        if pruned[trial] or lengths[trial] == EPOCHS:
            rule.end(str(trial))
            running.remove(trial)
    return lengths, pruned


def _row(number: int, settings: Values, values: Values, length: int, pruned: bool) -> Row:
    best = int(values[:length].argmax())
    return {
        "trial_id": f"t{number:05d}", "number": number, "state": "pruned" if pruned else "complete", "seed": 0,
        **{f"config.{name}": float(value) for name, value in zip(NAMES, settings, strict=True)},
        "epochs": int(length), "best_epoch": best + 1, "score": float(values[best]),
    }  # fmt: skip
