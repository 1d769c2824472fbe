"""Families of learning curves from which figures are reported. Nothing was chosen by their results.

They were written down before the first sampler was tried, and their curves come from other equations than those of
`benchmarks.simulator.design`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.simulator.task import Task, positions
from benchmarks.spaces.hartmann import MAXIMUM, hartmann_value
from search.space import Choice, Config, Float, Int, Parameter

Landscape = Callable[[np.ndarray], float]


def _landscape(rng: np.random.Generator, dimensions: int, length: float) -> Landscape:
    """Return a smooth random function of the unit cube with mean 0 and variance 1 (random Fourier features)."""
    features = 200
    frequency = rng.standard_normal((features, dimensions)) / length
    frequency *= rng.gamma(0.6, 1.0, dimensions) ** 0.5  # Some settings then matter much, and some hardly.
    phase, amplitude = rng.uniform(0, 2 * np.pi, features), rng.standard_normal(features)

    def value(at: np.ndarray) -> float:
        return float(np.sqrt(2 / features) * (amplitude @ np.cos(frequency @ at + phase)))

    return value


def _squash(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def random_landscape(instance: int) -> Task:
    """Return a task whose final accuracy, speed and shape are random functions of eight settings, a third shared."""
    rng = np.random.default_rng([11, instance])
    parameters: dict[str, Parameter] = {
        **{f"x{i}": Float(0.0, 1.0) for i in range(4)},
        "rate": Float(1e-5, 1e-1, log=True),
        "units": Int(4, 512, log=True),
        "kernel": Choice(3, 5, 7),
        "activation": Choice("relu", "gelu", "tanh"),
    }
    end, speed, shape = (_landscape(rng, 8, 0.55) for _ in range(3))
    epochs = 40

    def curve(config: Config) -> np.ndarray:
        at = positions(parameters, config)
        quality = end(at)
        top = 0.5 + 0.48 * _squash(1.2 * quality)
        tau = np.exp(1.2 * speed(at) - 0.3 * quality)
        steps = np.arange(1, epochs + 1)
        return np.asarray(top - (top - 0.1) * np.exp(-((steps / (3 * tau)) ** (0.4 + 0.6 * _squash(shape(at))))))

    return Task(f"random landscape {instance}", parameters, epochs, curve, noise=0.004)


def sgd_on_a_quadratic(instance: int) -> Task:
    """Return a task of stochastic gradient descent on a quadratic with momentum; its mean's equations give the loss."""
    rng = np.random.default_rng([12, instance])
    eigenvalues = np.exp(rng.uniform(np.log(0.003), 0, 30))
    start = rng.standard_normal(30) ** 2
    floor, spread, wanted = rng.uniform(0.02, 0.1), rng.uniform(0.05, 0.5), rng.uniform(-5, -2.5)
    parameters: dict[str, Parameter] = {
        "learning_rate": Float(1e-4, 3.0, log=True),
        "momentum": Float(0.0, 0.98),
        "batch_size": Choice(8, 16, 32, 64, 128, 256),
        "schedule": Choice("constant", "cosine", "step"),
        "weight_decay": Float(1e-6, 1e-1, log=True),
        "clip": Float(0.1, 10.0, log=True),
    }
    epochs = 30

    def curve(config: Config) -> np.ndarray:
        rate, momentum = float(str(config["learning_rate"])), float(str(config["momentum"]))
        batch, decay = float(str(config["batch_size"])), float(str(config["weight_decay"]))
        clip = float(str(config["clip"]))
        steps, error, noise, losses = 2048 / batch / 8, start.copy(), np.zeros(30), list[float]()
        penalty = 0.05 * (np.log10(decay) - wanted) ** 2
        for epoch in range(epochs):
            done = epoch / epochs
            factor = {"constant": 1.0, "cosine": 0.5 * (1 + np.cos(np.pi * done)), "step": 0.1 ** int(3 * done)}
            effective = rate * factor[str(config["schedule"])] / (1 - momentum) * min(1.0, 0.5 + 0.25 * clip)
            through = np.abs(1 - effective * (eigenvalues + decay))
            kept = np.minimum(through, 1.5) ** (2 * steps)
            error *= kept
            noise = noise * np.minimum(kept, 1) + spread * effective / batch * (1 - np.minimum(kept, 1))
            loss = floor + float(eigenvalues @ (error + noise)) / 3 + penalty * 0.1
            if loss > 1e3:
                return np.array(losses + [np.nan] * (epochs - len(losses)))
            losses.append(loss)
        return np.array(losses)

    return Task(f"sgd {instance}", parameters, epochs, curve, noise=0.002, mode="min")


def hartmann(instance: int) -> Task:
    """Return Hartmann's function of six settings, turned and mirrored, reached by power laws, slowly where deep."""
    rng = np.random.default_rng([13, instance])
    order, mirrored = rng.permutation(6), rng.random(6) < 0.5
    parameters: dict[str, Parameter] = {f"x{i}": Float(0.0, 1.0) for i in range(6)}
    epochs = 81

    def curve(config: Config) -> np.ndarray:
        at = positions(parameters, config)[order]
        at = np.where(mirrored, 1 - at, at)
        depth = hartmann_value(at) / MAXIMUM
        tau = 1 + 8 * depth * at[0] + 2 * at[3]
        return np.asarray(0.3 + 0.65 * depth - (0.2 + 0.65 * depth) * (1 + np.arange(1, epochs + 1) / tau) ** -1.0)

    return Task(f"hartmann {instance}", parameters, epochs, curve, noise=0.005)


def pipeline(instance: int) -> Task:
    """Return a task of optimizers, schedules and augmentation with their own settings; some of them pay off late.

    Cosine schedules and augmentation are those that do.
    """
    rng = np.random.default_rng([14, instance])
    parameters: dict[str, Parameter] = {
        "optimizer": Choice("sgd", "adam", "adamw"),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "beta": Float(0.8, 0.999, when={"optimizer": ("adam", "adamw")}),
        "decay": Float(1e-6, 1.0, log=True, when={"optimizer": ("sgd", "adamw")}),
        "learning_rate": Float(1e-5, 1.0, log=True),
        "schedule": Choice("constant", "cosine", "exponential"),
        "rate_of_decay": Float(0.7, 0.999, when={"schedule": "exponential"}),
        "augmentation": Choice(False, True),
        "strength": Float(0.0, 1.0, when={"augmentation": True}),
        "layers": Int(1, 5),
    }
    rates = dict(zip(("sgd", "adam", "adamw"), (rng.uniform(-2, -0.5), *rng.uniform(-4, -2, 2)), strict=True))
    gains = dict(zip(("sgd", "adam", "adamw"), rng.permutation([0.0, 0.02, 0.05]), strict=True))
    strength, layers, decay = rng.uniform(0.2, 0.7), rng.integers(2, 5), rng.uniform(-4, -1)
    epochs = 15

    def curve(config: Config) -> np.ndarray:
        steps = np.arange(1, epochs + 1)
        optimizer, schedule = str(config["optimizer"]), config["schedule"]
        off = abs(np.log10(float(str(config["learning_rate"]))) - rates[optimizer])
        end = 0.86 + gains[optimizer] - 0.03 * off**1.5 - 0.01 * (int(str(config["layers"])) - layers) ** 2
        if "momentum" in config:
            end -= 0.05 * abs(float(str(config["momentum"])) - 0.9)
        if "decay" in config:
            end -= 0.006 * (np.log10(float(str(config["decay"]))) - decay) ** 2
        if "rate_of_decay" in config:
            end += 0.02 - 0.3 * abs(float(str(config["rate_of_decay"])) - 0.92)
        tau = 0.4 + 0.8 * off
        if config["augmentation"]:
            end += 0.05 - 0.12 * abs(float(str(config["strength"])) - strength)
            tau *= 2.5
        values = end - 0.02 * (schedule == "constant") - (end - 0.1) * np.exp(-((steps / tau) ** 0.7))
        if schedule == "cosine":
            values = values + 0.03 - 0.12 * (1 - steps / epochs)
        return np.asarray(np.clip(values, 0.05, 1))

    return Task(f"pipeline {instance}", parameters, epochs, curve, noise=0.005)


def overfitting(instance: int) -> Task:
    """Return a task whose validation loss falls and rises again, with a heavy tail; large networks overfit."""
    rng = np.random.default_rng([15, instance])
    parameters: dict[str, Parameter] = {
        "learning_rate": Float(1e-5, 1e-1, log=True),
        "units": Int(8, 1024, log=True),
        "dropout": Float(0.0, 0.8, step=0.1),
        "l2": Float(1e-7, 1e-1, log=True),
        "layers": Int(1, 4),
        "batch_size": Int(16, 256, step=16),
    }
    need, side = rng.uniform(0.4, 0.8), _landscape(rng, 6, 0.8)
    epochs = 25

    def curve(config: Config) -> np.ndarray:
        rate, units, dropout, l2, layers, batch = at = positions(parameters, config)
        capacity = 0.6 * units + 0.4 * layers
        regular = 0.5 * dropout + 0.5 * l2
        speed = np.exp(5 * (rate - 0.5) - 1.0 * batch)
        time = np.arange(1, epochs + 1) * speed
        bias = 0.25 + 1.2 * max(0.0, need - capacity + 0.5 * regular) ** 2 + 0.05 * side(at)
        variance = 0.06 * np.exp(2 * (capacity - regular)) * np.log1p(time / 6)
        losses = bias + 2 * np.exp(-np.sqrt(time) * (0.6 + capacity)) + variance
        return np.asarray(losses * (1 + 40 * max(0.0, rate - 0.75 + 0.2 * layers) ** 2))

    return Task(f"overfitting {instance}", parameters, epochs, curve, noise=0.005, mode="min")


def half_fails(instance: int) -> Task:
    """Return a random landscape of five settings half of which fails, at once or late, with a point of noise."""
    rng = np.random.default_rng([16, instance])
    parameters: dict[str, Parameter] = {
        "rate": Float(1e-4, 1e-1, log=True),
        "width": Int(1, 64, log=True),
        "cells": Int(1, 9),
        "mixing": Float(0.0, 1.0),
        "kind": Choice("a", "b", "c", "d"),
    }
    end, wall = _landscape(rng, 5, 0.5), _landscape(rng, 5, 0.7)
    half = float(np.median([wall(at) for at in rng.random((500, 5))]))
    epochs = 20

    def curve(config: Config) -> np.ndarray:
        at = positions(parameters, config)
        top = 0.2 + 0.75 * _squash(1.5 * end(at))
        values = top * (1 - np.exp(-np.arange(1, epochs + 1) / (1 + 4 * at[1])))
        if wall(at) > half:
            values[int(epochs * np.exp(-2 * (wall(at) - half))) :] = np.nan
        return np.asarray(values)

    return Task(f"half fails {instance}", parameters, epochs, curve, noise=0.01)


FAMILIES: dict[str, Callable[[int], Task]] = {
    "random_landscape": random_landscape,
    "sgd": sgd_on_a_quadratic,
    "hartmann": hartmann,
    "pipeline": pipeline,
    "overfitting": overfitting,
    "half_fails": half_fails,
}
