"""Draws the best validation accuracy over wall clock of every system: the median over seeds and its range."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.drawing.style import BLUE, GREEN, ORANGE, VERMILION, panels, style
from benchmarks.real.problem import PROBLEMS
from benchmarks.real.results import Run

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write the figure, a panel for each problem."""
    names = list(dict.fromkeys(run.problem for run in runs))
    with style():
        figure, axes = panels(len(names), width=5.0, height=3.6)
        for name, panel in zip(names, axes, strict=True):
            _panel(panel, name, [run for run in runs if run.problem == name])
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(_COLOURS))
        figure.savefig(path)


def _panel(panel: Axes, name: str, runs: Sequence[Run]) -> None:
    times = np.linspace(0, runs[0].seconds, 400)
    for colour, system in zip(_COLOURS, dict.fromkeys(run.system for run in runs), strict=False):
        best = np.array([[run.best_at(at) for at in times] for run in runs if run.system == system])
        median = np.median(best, axis=0)  # A run that has reported nothing yet has 0, below all others.
        found = median > 0
        panel.plot(times[found], median[found], color=colour, label=system)
        panel.fill_between(times[found], best.min(axis=0)[found], best.max(axis=0)[found], color=colour, alpha=0.15)
    highest = max(run.best_at(runs[0].seconds) for run in runs)
    panel.set_ylim(PROBLEMS[name].accuracies[0] - 0.03, highest + 0.003)
    panel.set(title=name, xlabel="seconds since the command", ylabel="best validation accuracy so far")
    panel.set_xlim(0, runs[0].seconds)
