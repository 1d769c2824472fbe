"""How near each sampler comes to a known optimum, over seeds, and what a trial costs beside its training.

    python -m benchmarks.samplers [--seeds 20] [--trials 40] [--at-once 1 4] [--samplers tpe random qmc]
    python -m benchmarks.samplers --long 2000 --seeds 8

Quality: mean and median regret of the best trial on functions whose minimum is known; `half fails` is Branin where
every configuration with x1 + x2 > 8 fails. `--long`: what TPE finds in long searches, where it looks at a selection of
the earlier trials only, against a look at all of them. Cost: milliseconds of ask, five reports and tell, with the
journal on disk.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.spaces.hartmann import MAXIMUM, hartmann_value
from search.sampling import Sampling, thinned
from search.space import Choice, Config, Float, Int, Space
from trainables.branin import MINIMUM, branin

Function = Callable[[dict[str, Any]], float]
"""Function that gives the regret of a configuration, or NaN where the trial fails."""


def hartmann6(config: dict[str, Any]) -> float:
    """Return the regret of Hartmann's function."""
    x = np.array([config[f"x{i}"] for i in range(6)])
    return MAXIMUM - hartmann_value(x)


def transfer(config: dict[str, Any]) -> float:
    """Return the regret on a bowl for each of three networks, the best of which has two settings of its own."""
    rate: float = math.log10(config["learning_rate"])
    if config["network"] == "small":
        return 0.4 + 0.3 * (rate + 3) ** 2
    if config["network"] == "large":
        return 0.2 + 0.3 * (rate + 3.5) ** 2 + (float(config["dropout"]) - 0.7) ** 2
    second: float = math.log10(config["second_learning_rate"])
    return 0.3 * (rate + 2) ** 2 + 0.02 * (int(config["unfreeze_depth"]) - 5) ** 2 + 0.2 * (second + 4.5) ** 2


def _branin(config: dict[str, Any]) -> float:
    return branin(config["x1"], config["x2"]) - MINIMUM


def _half_fails(config: dict[str, Any]) -> float:
    return math.nan if config["x1"] + config["x2"] > 8 else _branin(config)


_PLANE = {"x1": Float(-5, 10), "x2": Float(0, 15)}
_NETWORKS = {
    "network": Choice("small", "backbone", "large"),
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "unfreeze_depth": Int(0, 8, when={"network": "backbone"}),
    "second_learning_rate": Float(1e-6, 1e-2, log=True, when={"network": "backbone"}),
    "dropout": Float(0, 1, when={"network": "large"}),
}
FUNCTIONS: dict[str, tuple[Function, dict[str, Any]]] = {
    "branin": (_branin, _PLANE),
    "half fails": (_half_fails, _PLANE),
    "hartmann6": (hartmann6, {f"x{i}": Float(0, 1) for i in range(6)}),
    "conditional": (transfer, _NETWORKS),
}


def _never(config: Config, trial: object) -> Iterator[dict[str, float]]:
    yield {}


def _space(parameters: dict[str, Any]) -> Space:
    return Space(trainable=_never, parameters=parameters, metric="regret", mode="min", trials=1)


def best_regret(name: str, sampler: str, seed: int, trials: int, at_once: int) -> float:
    """Return the least regret of `trials` trials; `at_once` run at a time, and they end in the order of their start."""
    function, parameters = FUNCTIONS[name]
    sampling = Sampling(_space(parameters), None, sampler=sampler, seed=seed)
    running: list[tuple[str, float]] = []
    best = math.inf
    for _ in range(trials + at_once - 1):
        proposal = sampling.ask()
        assert proposal
        running.append((proposal.trial_id, function(proposal.config)))
        if len(running) == at_once:
            trial_id, regret = running.pop(0)
            sampling.tell(trial_id, "failed" if math.isnan(regret) else "complete", regret)
            best = min(best, math.inf if math.isnan(regret) else regret)
    return best


def milliseconds_per_trial(sampler: str, trials: int) -> float:
    """Return the time of ask, five reports and tell, averaged over the trials of one search with a journal."""
    with tempfile.TemporaryDirectory() as folder:
        sampling = Sampling(_space(_NETWORKS), Path(folder) / "study.journal", sampler=sampler, seed=0)
        began = time.perf_counter()
        for _ in range(trials):
            proposal = sampling.ask()
            assert proposal
            regret = transfer(proposal.config)
            for epoch in range(1, 6):
                sampling.report(proposal.trial_id, epoch, regret)
            sampling.tell(proposal.trial_id, "complete", regret)
        return 1000 * (time.perf_counter() - began) / trials


def compare_long(names: Sequence[str], trials: int, seeds: int) -> None:
    """Print mean and median regret of TPE, four trials at once, with a selection of the earlier trials and with all."""
    print(
        "| function | trials | TPE looks at | mean regret | median | seconds a search |\n|---|---:|---|---:|---:|---:|"
    )
    for name in names:
        for looks_at, selected in (("a selection", thinned.SELECTED), ("all", trials)):
            began = time.process_time()
            with patch.object(thinned, "SELECTED", selected):
                runs = [best_regret(name, "tpe", seed, trials, at_once=4) for seed in range(seeds)]
            mean, median = statistics.mean(runs), statistics.median(runs)
            seconds = (time.process_time() - began) / seeds
            print(f"| {name} | {trials} | {looks_at} | {mean:.5f} | {median:.5f} | {seconds:.1f} |", flush=True)


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--samplers", nargs="+", default=["tpe", "random", "qmc"])
    parser.add_argument("--cost-trials", type=int, default=1000)
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    parser.add_argument("--long", type=int, metavar="TRIALS", help="only compare long searches of so many trials")
    options = parser.parse_args()
    if options.long:
        compare_long(options.functions, options.long, options.seeds)
        return
    print("| function | at once | sampler | mean regret | median |\n|---|---:|---|---:|---:|")
    for name in options.functions:
        for at_once in options.at_once:
            for sampler in options.samplers:
                runs = [best_regret(name, sampler, seed, options.trials, at_once) for seed in range(options.seeds)]
                mean, median = statistics.mean(runs), statistics.median(runs)
                print(f"| {name} | {at_once} | {sampler} | {mean:.3f} | {median:.3f} |", flush=True)
    print(f"\n| sampler | ms a trial over {options.cost_trials} trials |\n|---|---:|")
    for sampler in options.samplers:
        print(f"| {sampler} | {milliseconds_per_trial(sampler, options.cost_trials):.2f} |", flush=True)


if __name__ == "__main__":
    main()
