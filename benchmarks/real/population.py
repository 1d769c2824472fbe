"""What a population finds with real training, against searches whose trials keep their settings, in equal epochs.

    python -m benchmarks.real.population [--seeds 5]

One trial at a time on one core, without Ray, so that a seed gives the same numbers each time. A population of 8 trains
8 times 27 epochs; the others begin nothing new once they have trained as many, and end what runs. `none` trains 8
random configurations to their end: a population that changes nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.spaces.population_digits import space
from search.driver.search import context_of, open_search
from search.experiment.folder import Experiment
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.provenance import git_commit, hardware, make_manifest, versions
from search.trial.messages import TrialSpec
from search.trial.runner import TrialRunner

POPULATION = Path("benchmarks/spaces/population_digits.py")
ALONE = Path("benchmarks/spaces/population_digits_alone.py")
EPOCHS = 8 * 27
CONTESTANTS: dict[str, tuple[Path, list[str]]] = {
    "population": (POPULATION, []),
    "random, none": (ALONE, ["--sampler", "random", "--stopping", "none", "--trials", "8"]),
    "random, asha": (ALONE, ["--sampler", "random", "--epoch-budget", str(EPOCHS)]),
    "mfgp, asha (the default)": (ALONE, ["--epoch-budget", str(EPOCHS)]),
}


def search(name: str, seed: int, folder: Path) -> tuple[float, float, int]:
    """Return the best validation accuracy, the test accuracy of that trial, and the epochs that were trained."""
    file, words = CONTESTANTS[name]
    words = [
        str(file),
        *words,
        "--seed",
        str(seed),
        "--results",
        str(folder),
        "--name",
        f"{[*CONTESTANTS].index(name)}-{seed}",
    ]
    plan = make_plan(parse(words), tuple(words), warn=print)
    experiment = Experiment.create(plan.root, plan.space, plan.space_file.text, make_manifest(plan))
    found = open_search(plan, experiment)
    context = context_of(plan, experiment.root, experiment.token, found.rule.rungs())
    runner = TrialRunner(context, "this machine", closing=lambda: False)
    try:
        while isinstance(spec := found.queue.next(), TrialSpec):
            runner.begin(spec)
            while not found.recorder.take(report := runner.proceed()) and report.end is None:
                pass
        found.recorder.close()
    finally:
        runner.close()
        experiment.close()
    best = found.trials.leading
    assert best is not None
    return float(str(best.row[space.metric])), float(str(best.row["test_accuracy"])), found.trials.epochs


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.4f} ± {stdev(values) if len(values) > 1 else 0:.4f}"


def main() -> None:
    """Run all searches, print the numbers of each, and then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real.population")
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print(hardware(), versions(), git_commit(Path.cwd()), sep="\n")
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for name, runs in found.items():
                runs.append(search(name, seed, Path(folder)))
                print(seed, name, *runs[-1], flush=True)
    print("\n| search | best val_accuracy | its test_accuracy | epochs |\n|---|---:|---:|---:|")
    for name, runs in found.items():
        best, test, epochs = zip(*runs, strict=True)
        print(f"| {name} | {_spread(list(best))} | {_spread(list(test))} | {fmean(epochs):.0f} |")


if __name__ == "__main__":
    main()
