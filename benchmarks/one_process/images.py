"""What do searches find at equal passes of images, where early rungs have fewer epochs, or fewer images as well?

    python -m benchmarks.one_process.images [--problem mnist] [--seeds 5]

The problems are those of `benchmarks.real`; SEARCH_DATA_DIR names the data of MNIST. One trial at a time on one core,
without Ray, so that a seed gives the same numbers each time. A search ends when it has passed as many images through
training as 20 whole trainings do. In hand is the best validation accuracy of any epoch after the passes of 5, 10 and
20; the test accuracy is that of the trial which leads at the end.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

from benchmarks.measuring.data import data_folder
from benchmarks.measuring.printed import mean_and_deviation
from benchmarks.one_process.search import results_to, search_in_one_process
from benchmarks.real.problem import PROBLEMS
from search.planning.provenance import git_commit, hardware, versions
from search.trial.messages import Report
from trainables.datasets.load import load_data
from trainables.trial import Trial

TRAININGS = (5, 10, 20)
SEARCHES = list(product(("mfgp", "random"), ("epochs", "both")))


class InHand:
    """The best report after the passes of so many whole trainings, each of so many epochs of so many images."""

    def __init__(self, epochs: int, images: int) -> None:
        self._epochs, self._images = epochs, images
        self._passes, self._best = 0, 0.0
        self.best: list[float] = []

    def take(self, report: Report) -> bool:
        """Count a report; return whether there are passes left."""
        for metrics in report.epochs:
            self._passes += int(metrics.get("train_images", self._images))
            trainings = self._passes / (self._epochs * self._images)
            self.best += [self._best for budget in TRAININGS[len(self.best) :] if trainings > budget]
            self._best = max(self._best, metrics["val_accuracy"])
        return len(self.best) < len(TRAININGS)


def search(problem: str, sampler: str, fidelity: str, seed: int, folder: Path) -> list[float]:
    """Return the accuracy in hand after each number of trainings, the test accuracy, and the number of trials."""
    space = PROBLEMS[problem].space
    data = load_data({"dataset": space.dataset, **space.fixed}, Trial(split_seed=seed, data_dir=data_folder()))
    in_hand = InHand(int(str(space.fixed["epochs"])), len(data.train))
    words = [f"benchmarks/spaces/real_{problem}.py", "--sampler", sampler, "--fidelity", fidelity, "--trials", "9999"]
    words += ["--seed", str(seed), *results_to(folder, f"{sampler}-{fidelity}-{seed}")]
    found = search_in_one_process(words, in_hand.take)
    leading = found.trials.leading
    assert leading is not None
    return [*in_hand.best, float(str(leading.row["test_accuracy"])), sum(found.trials.counts().values())]


def main() -> None:
    """Run all searches, print the numbers of each, and then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_process.images")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--problem", choices=PROBLEMS, default="mnist")
    options = parser.parse_args()
    print(hardware(), versions(), git_commit(Path.cwd()), sep="\n")
    found: dict[tuple[str, str], list[list[float]]] = {of: [] for of in SEARCHES}
    with tempfile.TemporaryDirectory() as folder:
        for seed, of in product(range(options.seeds), SEARCHES):
            found[of].append(search(options.problem, *of, seed, Path(folder)))
            print(seed, *of, *found[of][-1], flush=True)
    heads = " | ".join(f"@{trainings}" for trainings in TRAININGS)
    print(f"\n| sampler | early rungs have less of | {heads} | test accuracy | trials |\n|---|---|" + "---:|" * 5)
    for (sampler, fidelity), runs in found.items():
        *accuracies, trials = zip(*runs, strict=True)
        cells = " | ".join(mean_and_deviation(values) for values in accuracies)
        print(f"| {sampler} | {fidelity} | {cells} | {sum(trials) / len(runs):.0f} |")


if __name__ == "__main__":
    main()
