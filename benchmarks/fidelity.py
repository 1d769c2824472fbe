"""What a stopping rule finds when its early rungs have fewer epochs, fewer images, or both; and what that costs.

    python -m benchmarks.fidelity [--dataset fashion_mnist] [--images 3000] [--trials 18] [--seeds 3]

Every contestant gets the same random configurations of a small network, one after another on one core, without Ray.
The test accuracy is that of the complete trial with the best validation accuracy. Cost: passes of an image through
training, as a share of those without a stopping rule, and the seconds of all epochs, their validation included.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.measuring.data import data_folder
from benchmarks.measuring.printed import mean_and_deviation
from search.planning.provenance import git_commit, hardware, versions
from search.stopping import Decision, StoppingRule, make_rule
from trainables.data import Data
from trainables.datasets.load import load_data
from trainables.image_classifier import train_on
from trainables.trial import Trial

Options = Mapping[str, float | str]
CONTESTANTS: dict[str, tuple[str, Options]] = {
    "none": ("none", {}),
    "epochs": ("asha", {}),
    "both": ("asha", {"fidelity": "both"}),
    "both, min_epochs 3": ("asha", {"fidelity": "both", "min_epochs": 3}),
    "sample_size": ("asha", {"fidelity": "sample_size"}),
}


@dataclass
class Spent:
    """What one search spent and found."""

    passes: float = 0.0
    seconds: float = 0.0
    complete: int = 0
    best: float = 0.0
    test: float = 0.0


def configurations(seed: int, count: int) -> list[dict[str, object]]:
    """Return random configurations of a network of two small blocks."""
    rng = np.random.default_rng([seed, 7])
    return [
        {
            "network": "two_conv", "filters": int(rng.choice([8, 16])), "kernel_size": int(rng.choice([3, 5])),
            "head_units": 32, "dropout": float(rng.uniform(0, 0.6)),
            "learning_rate": float(10 ** rng.uniform(-4, -1)), "batch_norm": "none", "batch_size": 64,
        }
        for _ in range(count)
    ]  # fmt: skip


def search(data: Data, configs: list[dict[str, object]], rule: StoppingRule, seed: int) -> Spent:
    """Train one configuration after another, each until it is stopped or done."""
    spent = Spent()
    for number, config in enumerate(configs):
        trial = Trial(seed=seed, split_seed=seed, growth=rule.growth())
        whole, running = 0.0, train_on(data, config, trial)
        for metrics in running:
            if "epoch" not in metrics:
                spent.complete += 1
                if whole > spent.best:
                    spent.best, spent.test = whole, metrics["test_accuracy"]
                break
            spent.passes += metrics.get("train_images", len(data.train))
            spent.seconds += metrics["seconds"]
            epoch, value = int(metrics["epoch"]), metrics["val_accuracy"]
            if trial.growth.share(epoch) == 1:
                whole = max(whole, value)
            if rule.decide(str(number), epoch, value) is Decision.STOP:
                running.close()
                break
        rule.end(str(number))
    return spent


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--image-size", type=int, default=14, help="pixels of a side; half of MNIST's by default")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--trials", type=int, default=18)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[Spent]] = {name: [] for name in CONTESTANTS}
    for seed in range(options.seeds):
        asked = {"dataset": options.dataset, "sample_size": options.images, "validation_fraction": 1 / 30}
        asked |= {"image_size": options.image_size}
        data = load_data(asked, Trial(split_seed=seed, data_dir=data_folder()))
        configs = [{**config, "epochs": options.epochs} for config in configurations(seed, options.trials)]
        for name, (rule, given) in CONTESTANTS.items():
            found[name].append(search(data, configs, make_rule(rule, "max", given, options.epochs), seed))
            print(f"seed {seed}, {name}: {found[name][-1]}", flush=True)
    commit = (git_commit(Path(__file__).parent) or {}).get("commit")
    print(f"\n{hardware()['processor']}, one core; keras {versions()['keras']}; commit {commit}\n")
    print("| early rungs have less of | test accuracy | validation | complete | passes | seconds |")
    print("|---|---:|---:|---:|---:|---:|")
    full = fmean(spent.passes for spent in found["none"])
    for name, runs in found.items():
        tests = [spent.test for spent in runs]
        passes, seconds = fmean(s.passes for s in runs) / full, fmean(s.seconds for s in runs)
        complete, best = fmean(s.complete for s in runs), fmean(s.best for s in runs)
        print(f"| {name} | {mean_and_deviation(tests)} | {best:.4f} | {complete:.1f} | {passes:.0%} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
