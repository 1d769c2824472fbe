"""Families of learning curves on which the sampler and the rule were designed. No figure is reported from them.

Each family makes one task per instance: the place of the optimum, the weights of the settings and how they act
together are drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.simulator.plain_networks import plain_networks
from benchmarks.simulator.task import Task, positions
from search.space import Choice, Config, Float, Int, Parameter

NETWORK: dict[str, Parameter] = {
    "learning_rate": Float(1e-5, 1.0, log=True),
    "weight_decay": Float(1e-6, 1e-1, log=True),
    "dropout": Float(0.0, 0.8),
    "batch_size": Choice(16, 32, 64, 128, 256),
    "layers": Int(1, 6),
    "units": Int(16, 1024, log=True),
    "momentum": Float(0.0, 0.99),
}


def _power(start: float, end: float, tau: float, epochs: int, power: float = 1.0) -> np.ndarray:
    """Return a curve from `start` towards `end`, which goes half of the way in about `tau` epochs."""
    return end - (end - start) * (1 + np.arange(1, epochs + 1) / tau) ** -power


def bowl(instance: int) -> Task:
    """Return a task with one basin in seven settings; what learns faster ends lower, so that curves cross."""
    rng = np.random.default_rng([1, instance])
    centre, weight = rng.uniform(0.2, 0.8, 7), rng.dirichlet(np.full(7, 0.7))
    turn = rng.normal(0, 0.3, (7, 7))
    epochs = 50

    def curve(config: Config) -> np.ndarray:
        away = positions(NETWORK, config) - centre
        away = away + turn @ away * 0.5
        end = 0.95 - 1.2 * float(weight @ away**2)
        speed = 0.3 + 3 * np.exp(-3 * (away[0] + 0.3))
        return _power(0.1, max(0.12, end), speed, epochs, 1.3)

    return Task(f"bowl {instance}", NETWORK, epochs, curve, noise=0.003)


def slow_starters(instance: int) -> Task:
    """Return a task in which what ends best, deep and wide with a low learning rate, starts slowest."""
    rng = np.random.default_rng([2, instance])
    best_rate, best_decay = rng.uniform(0.25, 0.55, 2)
    gain, slope = rng.uniform(0.05, 0.25), rng.uniform(3, 8)
    epochs = 27

    def curve(config: Config) -> np.ndarray:
        rate, decay, dropout, batch, layers, units, momentum = positions(NETWORK, config)
        size = 0.5 * layers + 0.5 * units
        bad = 1.5 * (rate - best_rate + 0.2 * size) ** 2 + 0.4 * (decay - best_decay) ** 2
        bad += 0.2 * (dropout - 0.3 - 0.3 * size) ** 2 + 0.1 * (batch - 0.4) ** 2 + 0.15 * (momentum - 0.8) ** 2
        end = 0.72 + gain * size - 0.8 * bad
        tau = 0.4 + slope * size**2 + 6 * max(0.0, 0.5 - rate)
        return _power(0.1, max(0.11, end), tau, epochs, 1.5)

    return Task(f"slow starters {instance}", NETWORK, epochs, curve, noise=0.004)


def divergence(instance: int) -> Task:
    """Return a task whose optimum stands beside a cliff behind which trainings fail or stay at chance."""
    rng = np.random.default_rng([3, instance])
    edge, tilt = rng.uniform(0.55, 0.75), rng.normal(0, 0.15, 7)
    centre, weight = rng.uniform(0.2, 0.8, 7), rng.dirichlet(np.full(7, 1.0))
    epochs = 27

    def curve(config: Config) -> np.ndarray:
        at = positions(NETWORK, config)
        over = at[0] - edge + float(tilt @ (at - 0.5))
        if over > 0:
            failing = _power(0.1, 0.3, 2, epochs)
            failing[int(epochs * np.exp(-25 * over)) :] = np.nan if at[6] > 0.5 else 0.1
            return failing
        end = 0.9 - 0.6 * float(weight @ (at - centre) ** 2) - 1.0 * over**2 - 0.3 * abs(over)
        return _power(0.1, max(0.11, end), 0.5 + 8 * abs(over), epochs, 1.2)

    return Task(f"divergence {instance}", NETWORK, epochs, curve, noise=0.005)


def dead_end(instance: int) -> Task:
    """Return a task with a wide basin that looks best early and ends low; a narrow one starts slow and ends high."""
    rng = np.random.default_rng([4, instance])
    wide, narrow = rng.uniform(0.15, 0.45, 5), rng.uniform(0.55, 0.85, 5)
    flip = rng.random(5) < 0.5
    wide, narrow = np.where(flip, 1 - wide, wide), np.where(flip, 1 - narrow, narrow)
    weight = rng.dirichlet(np.full(5, 2.0)) * 5
    epochs = 27
    parameters: dict[str, Parameter] = {
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "dropout": Float(0.0, 0.6),
        "units": Int(8, 256, log=True),
        "smoothing": Float(0.0, 0.3, step=0.02),
        "decay": Float(1e-6, 1e-2, log=True),
    }

    def curve(config: Config) -> np.ndarray:
        at = positions(parameters, config)
        near_wide = np.exp(-float(weight @ (at - wide) ** 2) / (2 * 0.35**2) / 2)
        near_narrow = np.exp(-float(weight @ (at - narrow) ** 2) / (2 * 0.22**2) / 2)
        fast = _power(0.1, 0.3 + 0.5 * near_wide, 0.5, epochs, 2)
        slow = _power(0.1, 0.2 + 0.75 * near_narrow, 4, epochs, 2)
        return np.asarray(np.maximum(fast, slow))

    return Task(f"dead end {instance}", parameters, epochs, curve, noise=0.003)


def conditional(instance: int) -> Task:
    """Return a task with four networks, each with settings of its own; which is best shows only with good ones."""
    rng = np.random.default_rng([5, instance])
    names = ("small", "deep", "wide", "backbone")
    top = dict(zip(names, rng.permutation([0.95, 0.92, 0.88, 0.8]), strict=True))
    rate = dict(zip(names, rng.uniform(0.2, 0.8, 4), strict=True))
    own = rng.uniform(0.15, 0.85, 6)
    parameters: dict[str, Parameter] = {
        "network": Choice(*names),
        "learning_rate": Float(1e-5, 1e-1, log=True),
        "batch_size": Choice(16, 64, 256),
        "depth": Int(2, 12, when={"network": "deep"}),
        "skip": Choice("none", "add", "concat", when={"network": "deep"}),
        "units": Int(32, 2048, log=True, when={"network": "wide"}),
        "unfreeze": Int(0, 8, when={"network": "backbone"}),
        "second_rate": Float(1e-6, 1e-2, log=True, when={"network": "backbone"}),
        "dropout": Float(0.0, 0.8, when={"network": ("wide", "backbone")}),
    }
    epochs = 12
    taus = {"small": 0.5, "deep": 2.5, "wide": 1.0, "backbone": 1.5}

    def curve(config: Config) -> np.ndarray:
        at = dict(zip(parameters, positions(parameters, config), strict=True))
        network = str(config["network"])
        bad = 1.2 * (at["learning_rate"] - rate[network]) ** 2 + 0.1 * (at["batch_size"] - own[0]) ** 2
        if network == "deep":
            bad += 0.5 * (at["depth"] - own[1]) ** 2 + (0.0 if config["skip"] == "add" else 0.08)
        if network == "wide":
            bad += 0.5 * (at["units"] - own[2]) ** 2 + 0.4 * (at["dropout"] - own[3]) ** 2
        if network == "backbone":
            bad += 0.4 * (at["unfreeze"] - own[4]) ** 2 + 0.8 * (at["second_rate"] - own[5]) ** 2
            bad += 0.3 * (at["dropout"] - own[3]) ** 2
        return _power(0.1, max(0.12, top[network] - bad), taus[network] * (1 + bad), epochs, 1.5)

    return Task(f"conditional {instance}", parameters, epochs, curve, noise=0.005)


def late_rise(instance: int) -> Task:
    """Return a task whose trainings stay on a plateau, as the settings say, and then rise; reports are noisy."""
    rng = np.random.default_rng([6, instance])
    centre = rng.uniform(0.25, 0.75, 4)
    epochs = 27
    parameters: dict[str, Parameter] = {
        "learning_rate": Float(1e-4, 1.0, log=True),
        "optimizer": Choice("sgd", "adam", "rmsprop"),
        "warmup": Int(0, 10),
        "decay": Float(1e-6, 1e-2, log=True),
    }
    shift = dict(zip(("sgd", "adam", "rmsprop"), rng.permutation([0.25, -0.1, 0.0]), strict=True))

    def curve(config: Config) -> np.ndarray:
        rate, _, warmup, decay = positions(parameters, config)
        off = rate - centre[0] - shift[str(config["optimizer"])]
        end = 0.9 - 1.5 * off**2 - 0.15 * (warmup - centre[2]) ** 2 - 0.3 * (decay - centre[3]) ** 2
        start = 1 + 10 * max(0.0, 0.3 - off) * (0.6 + 0.6 * warmup)
        rise = 1 / (1 + np.exp(-(np.arange(1, epochs + 1) - start) / 1.2))
        return np.asarray(0.2 + (max(0.22, end) - 0.2) * rise)

    return Task(f"late rise {instance}", parameters, epochs, curve, noise=0.01)


def steady(instance: int) -> Task:
    """Return a task in which what ends well also starts well, as in most trainings.

    A wrong learning rate is both slow and bad.
    """
    rng = np.random.default_rng([7, instance])
    centre, weight = rng.uniform(0.25, 0.75, 7), rng.dirichlet(np.full(7, 0.5))
    width = rng.uniform(0.15, 0.3)
    epochs = 50

    def curve(config: Config) -> np.ndarray:
        at = positions(NETWORK, config)
        away = float(weight @ ((at - centre) / width) ** 2)
        end = 0.5 + 0.45 / (1 + 0.5 * away)
        return _power(0.1, end, 0.3 + 0.8 * away + 2 * abs(at[0] - centre[0]), epochs, 1.0)

    return Task(f"steady {instance}", NETWORK, epochs, curve, noise=0.004)


def few_matter(instance: int) -> Task:
    """Return a task of nine settings of which two or three matter, with a ridge; curves are fast, with some noise."""
    rng = np.random.default_rng([8, instance])
    order, place = rng.permutation(7), rng.uniform(0.2, 0.8, 3)
    parameters: dict[str, Parameter] = {
        **NETWORK,
        "activation": Choice("relu", "gelu", "tanh", "elu"),
        "norm": Choice("batch", "layer", "none"),
    }
    lost = {"batch": 0.0, "layer": rng.uniform(0, 0.05), "none": rng.uniform(0, 0.2)}
    epochs = 15

    def curve(config: Config) -> np.ndarray:
        a, b, c = positions(NETWORK, config)[order[:3]]
        ridge = 2.5 * (a + b - place[0] - place[1]) ** 2 + 0.3 * (a - place[0]) ** 2 + 0.3 * (c - place[2]) ** 2
        end = 0.97 - 0.5 * np.sqrt(ridge) - lost[str(config["norm"])]
        return _power(0.1, max(0.15, end), 0.4 + ridge, epochs, 1.5)

    return Task(f"few matter {instance}", parameters, epochs, curve, noise=0.006)


FAMILIES: dict[str, Callable[[int], Task]] = {
    "bowl": bowl,
    "slow_starters": slow_starters,
    "divergence": divergence,
    "dead_end": dead_end,
    "conditional": conditional,
    "late_rise": late_rise,
    "steady": steady,
    "few_matter": few_matter,
    "plain_networks": plain_networks,
}
