"""Families whose epochs take longer with some configurations than with others, by design and by report.

What an epoch takes follows from the sizes that a configuration asks for, over one to two powers of ten, as with real
networks: layers times units, batches in an epoch, filters, cells. The curves are those of the families named.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from benchmarks.simulator import design, report
from benchmarks.simulator.plain_networks import plain_networks
from benchmarks.simulator.task import Seconds, Task
from search.space import Config

Family = Callable[[int], Task]


def _number(config: Config, name: str) -> float:
    return float(str(config[name]))


def _layers_and_units(config: Config) -> float:
    """An epoch of a dense network: a part that is always there, and one that grows with the weights."""
    return float(1 + _number(config, "layers") * (_number(config, "units") / 128) ** 1.5)


def _batches(config: Config) -> float:
    """An epoch whose small batches leave the processor waiting, with a part that grows with the units."""
    return (0.5 + 32 / _number(config, "batch_size")) * (1 + _number(config, "units") / 256)


def _units_and_kernel(config: Config) -> float:
    """An epoch of a convolutional network."""
    return 0.5 + (_number(config, "units") / 64) * (_number(config, "kernel") / 3) ** 2


def _stack(config: Config) -> float:
    """An epoch of layers that are all as wide, with the time that every batch takes."""
    return 64 / _number(config, "batch_size") + 0.3 * _number(config, "layers") * (1 + _number(config, "units") / 64)


def _cells(config: Config) -> float:
    """An epoch of a network of cells."""
    return float(0.5 + 0.2 * _number(config, "cells") * (1 + (_number(config, "width") / 16) ** 1.3))


def _with_cost(make: Family, seconds: Seconds) -> Family:
    def family(instance: int) -> Task:
        task = make(instance)
        return dataclasses.replace(task, name=f"costly {task.name}", seconds=seconds)

    return family


DESIGN: dict[str, Family] = {
    "costly_bowl": _with_cost(design.bowl, _layers_and_units),
    "costly_steady": _with_cost(design.steady, _batches),
    "costly_plain_networks": _with_cost(plain_networks, _layers_and_units),
}
REPORT: dict[str, Family] = {
    "costly_landscape": _with_cost(report.random_landscape, _units_and_kernel),
    "costly_overfitting": _with_cost(report.overfitting, _stack),
    "costly_half_fails": _with_cost(report.half_fails, _cells),
}
