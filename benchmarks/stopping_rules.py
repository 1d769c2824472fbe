"""What each stopping rule finds with the same number of epochs, on real learning curves of small networks.

    python -m benchmarks.stopping_rules [--curves FILE.npy] [--networks 200] [--epochs 27] [--seeds 60]

The curves: perceptrons with random learning rates, widths, depths, penalties, optimizers and batch sizes, on 500 of
scikit-learn's digits, validation accuracy on 500 others. A rule sees them in another random order for each seed, some
slots at once, until the epochs are spent; what counts is the best validation accuracy of a network that was trained
to its end.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from search.stopping import Decision, StoppingRule, make_rule

RULES: dict[str, tuple[str, Mapping[str, float]]] = {
    "none": ("none", {}),
    "median": ("median", {}),
    "median, min_epochs 3": ("median", {"min_epochs": 3}),
    "asha (default: factor 3, from epoch 1, 3 records)": ("asha", {}),
    "asha, factor 2": ("asha", {"reduction_factor": 2}),
    "asha, factor 4": ("asha", {"reduction_factor": 4}),
    "asha, min_epochs 3": ("asha", {"min_epochs": 3}),
    "asha, min_records 9": ("asha", {"min_records": 9}),
}
BUDGETS = ((2, 10), (2, 30), (8, 10), (8, 30))
"""Pairs (slots, epochs that may be spent, in whole trainings)."""


@dataclass(frozen=True)
class Found:
    """What one simulated search found."""

    best: float
    completed: int
    started: int


def learning_curve(seed: int, epochs: int) -> list[float]:
    """Return the validation accuracy after each epoch of one random network."""
    rng = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    train, validation = order[:500], order[500:1000]
    width = int(2 ** rng.uniform(3, 7))
    network = MLPClassifier(
        (width,) if rng.random() < 0.5 else (width, width),
        solver="sgd" if rng.random() < 0.5 else "adam",
        learning_rate_init=10 ** rng.uniform(-4.5, -0.7),
        alpha=10 ** rng.uniform(-5, 0),
        batch_size=int(rng.choice([16, 64])),
        random_state=seed,
    )
    curve = []
    for _ in range(epochs):
        network.partial_fit(images[train] / 16, labels[train], classes=range(10))
        curve.append(float(network.score(images[validation] / 16, labels[validation])))
    return curve


def search(curves: np.ndarray, rule: StoppingRule, seed: int, slots: int, budget: int) -> Found:
    """Spend `budget` epochs on `curves`, shape (networks, epochs): a random one of the running networks trains next."""
    rng = np.random.default_rng(seed)
    waiting = list(rng.permutation(len(curves)))
    running: list[list[int]] = []
    best, completed = 0.0, 0
    for _ in range(budget):
        while waiting and len(running) < slots:
            running.append([waiting.pop(), 0])
        if not running:
            break
        trial = running[rng.integers(len(running))]
        trial[1] += 1
        network, epoch = trial
        decision = rule.decide(str(network), epoch, float(curves[network, epoch - 1]))
        if epoch == curves.shape[1]:
            best, completed = max(best, float(curves[network].max())), completed + 1
        if epoch == curves.shape[1] or decision is Decision.STOP:
            rule.end(str(network))
            running.remove(trial)
    return Found(best, completed, len(curves) - len(waiting))


def main() -> None:
    """Print a Markdown table of the mean best accuracy (trainings completed, started)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=Path, help="(networks, epochs) accuracies; made and stored here if absent")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--seeds", type=int, default=60)
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # Overflow is expected in a network that diverges.
    if options.curves and options.curves.exists():
        curves = np.load(options.curves)
    else:
        curves = np.array([learning_curve(seed, options.epochs) for seed in range(options.networks)])
        if options.curves:
            np.save(options.curves, curves)
    epochs = curves.shape[1]
    print("| rule | " + " | ".join(f"{slots} slots, {whole} x {epochs} epochs" for slots, whole in BUDGETS) + " |")
    print("|---" * (len(BUDGETS) + 1) + "|")
    for title, (name, settings) in RULES.items():
        cells = []
        for slots, whole in BUDGETS:
            found = [
                search(curves, make_rule(name, "max", settings, epochs), seed, slots, whole * epochs)
                for seed in range(options.seeds)
            ]
            best, completed, started = (
                float(np.mean([getattr(f, field) for f in found])) for field in ("best", "completed", "started")
            )
            cells.append(f"{best:.4f} ({completed:.0f} of {started:.0f})")
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
