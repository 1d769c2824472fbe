"""How much of the Pareto front each sampler finds, over seeds, where the whole front is known.

    python -m benchmarks.objectives [--seeds 20] [--trials 40 100] [--at-once 1 4] [--samplers tpe nsga2 random]

The measure is the hypervolume (Zitzler and Thiele, PPSN 1998) of what was found as a share of that of the front: 1 is
all of it. `network`: the error and the size of a made-up network of several layers; `small network`: the same with the
constraint of at most 30,000 parameters, which one configuration in three keeps, and is not trained where it does not;
`zdt1`: the function of Zitzler, Deb and Thiele (2000) in six dimensions.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring.printed import mean_and_deviation
from search.goals import Goals
from search.sampling import Sampling
from search.space import Config, Float, Int, Space

Point = tuple[float, float]
DIRECTIONS = {"loss": "min", "size": "min"}
DIMENSIONS = 6


@dataclass(frozen=True)
class Problem:
    """Two values to be made small, and what is known of them."""

    measure: Callable[[dict[str, Any]], Point]
    parameters: dict[str, Any]
    reference: Point
    """What counts as nothing found: the hypervolume lies between this point and the front."""
    front: tuple[Point, ...]
    constraints: dict[str, str]


def network(config: dict[str, Any]) -> Point:
    """The error of a network, and the logarithm of its size: more weights help less, at a rate of their own."""
    weights = config["filters"] ** 2 * 9 * config["layers"] + 10 * config["units"]
    size = math.log10(weights)
    wanted = -2.0 - 0.4 * (size - 3)  # Larger networks want a lower learning rate.
    rate = (math.log10(config["learning_rate"]) - wanted) ** 2
    return 0.02 + 0.6 * 10 ** (-0.45 * (size - 2)) + 0.05 * rate + 0.1 * (config["dropout"] - 0.2) ** 2, size


def _ideal(size: float) -> Point:
    return 0.02 + 0.6 * 10 ** (-0.45 * (size - 2)), size


def zdt1(config: dict[str, Any]) -> Point:
    """ZDT1, whose front is 1 - sqrt(x)."""
    others = 1 + 9 * sum(config[f"x{i}"] for i in range(1, DIMENSIONS)) / (DIMENSIONS - 1)
    return config["x0"], others * (1 - math.sqrt(config["x0"] / others))


_NETWORK = {
    "filters": Int(4, 128, log=True),
    "layers": Int(1, 5),
    "units": Int(16, 1024, log=True),
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "dropout": Float(0.0, 0.6),
}
_SIZES = [2.5 + i / 1000 for i in range(3400)]
_SMALL = math.log10(30_000)
PROBLEMS = {
    "network": Problem(network, _NETWORK, (0.5, 6.0), tuple(map(_ideal, _SIZES)), {}),
    "small network": Problem(
        network, _NETWORK, (0.5, 6.0), tuple(_ideal(s) for s in _SIZES if s <= _SMALL), {"size": f"<= {_SMALL}"}
    ),
    "zdt1": Problem(
        zdt1,
        {f"x{i}": Float(0, 1) for i in range(DIMENSIONS)},
        (1.1, 6.0),
        tuple((i / 1000, 1 - math.sqrt(i / 1000)) for i in range(1001)),
        {},
    ),
}


def hypervolume(points: list[Point], reference: Point) -> float:
    """The area that the points dominate, up to the reference."""
    area, low = 0.0, reference[1]
    for x, y in sorted(points):
        if x < reference[0] and y < low:
            area, low = area + (reference[0] - x) * (low - y), y
    return area


def share_found(problem: Problem, sampler: str, seed: int, trials: int, at_once: int) -> float:
    """The share of the front's hypervolume that so many trials find, `at_once` of which run at a time."""
    space = Space(_never, problem.parameters, objectives=DIRECTIONS, constraints=problem.constraints, trials=1)
    goals: Goals = space.goals
    sampling = Sampling(space, None, sampler=sampler, seed=seed)
    running: list[tuple[str, Point]] = []
    found: list[Point] = []
    for _ in range(trials + at_once - 1):
        proposal = sampling.ask()
        assert proposal
        running.append((proposal.trial_id, problem.measure(proposal.config)))
        if len(running) == at_once:
            trial_id, point = running.pop(0)
            excess = goals.excess(dict(zip(DIRECTIONS, point, strict=True)))
            if any(beyond > 0 for beyond in excess.values()):
                sampling.tell(trial_id, "pruned", None, excess=excess)
            else:
                sampling.tell(trial_id, "complete", point, excess=excess)
                found.append(point)
    return hypervolume(found, problem.reference) / hypervolume(list(problem.front), problem.reference)


def _never(config: Config, trial: object) -> Iterator[dict[str, float]]:
    yield {}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, nargs="+", default=[40, 100])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--samplers", nargs="+", default=["tpe", "nsga2", "random", "qmc"])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    options = parser.parse_args()
    print("| problem | trials | at once | sampler | share found | ms a trial |\n|---|---:|---:|---|---:|---:|")
    for name in options.problems:
        for trials in options.trials:
            for at_once in options.at_once:
                for sampler in options.samplers:
                    began, seeds = time.process_time(), range(options.seeds)
                    found = [share_found(PROBLEMS[name], sampler, seed, trials, at_once) for seed in seeds]
                    cost = 1000 * (time.process_time() - began) / options.seeds / trials
                    told = mean_and_deviation(found, 3)
                    print(f"| {name} | {trials} | {at_once} | {sampler} | {told} | {cost:.0f} |", flush=True)


if __name__ == "__main__":
    main()
