"""A family of design: plain networks on tables, trained by stochastic gradient descent for 51 epochs.

Seven settings act as in measured learning curves of such networks: rate, momentum and batch size together make one
effective rate, which is too low, right, or so high that nothing is learnt; depth and width make a capacity, which is
too small or overfits; dropout and weight decay hold that back. Early and final values agree well (rank correlation
0.6 to 0.85 after one epoch), and curves cross all the same: what is regularized starts slowly, what is annealed rises
late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.simulator.task import Task, positions
from search.space import Config, Float, Int, Parameter

SETTINGS: dict[str, Parameter] = {
    "batch_size": Int(16, 512, log=True),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "momentum": Float(0.1, 0.99),
    "weight_decay": Float(1e-5, 1e-1, log=True),
    "layers": Int(1, 5),
    "units": Int(64, 1024, log=True),
    "dropout": Float(0.0, 1.0),
}
EPOCHS = 51
_STEPS = np.arange(1, EPOCHS + 1)
_WAVES = 24


@dataclass(frozen=True)
class _Data:
    """What one data set asks of its network."""

    floor: float
    """Accuracy of a guess."""
    ceiling: float
    size: float
    """Logarithm of the number of batches in an epoch, about."""
    rate: float
    """Logarithm of the highest effective rate at which training goes well."""
    steepness: float
    capacity: float
    overfits: float
    decay: float
    dropout: float
    needs_dropout: float
    large_batches: float
    """What deep networks lose with small batches."""
    annealing: float
    """What is gained late in a training with a high rate."""
    waves: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Frequencies, phases and heights of what no rule explains."""
    noise: float


def _data(instance: int) -> _Data:
    rng = np.random.default_rng([9, instance])
    floor = 1 / int(rng.choice([2, 3, 7, 10, 50]))
    return _Data(
        floor=floor,
        ceiling=floor + (1 - floor) * rng.uniform(0.5, 0.99),
        size=rng.uniform(3, 11),
        rate=rng.uniform(-4.5, -1.5),
        steepness=rng.uniform(0.08, 0.3),
        capacity=rng.uniform(0.1, 0.9),
        overfits=rng.uniform(0.0, 0.35),
        decay=rng.uniform(0.1, 0.6),
        dropout=rng.uniform(0.0, 0.5),
        needs_dropout=rng.uniform(0.05, 0.5),
        large_batches=rng.uniform(0.0, 0.2),
        annealing=rng.uniform(0.0, 0.12),
        waves=(
            rng.normal(0, 1, (len(SETTINGS), _WAVES)),
            rng.uniform(0, 2 * np.pi, _WAVES),
            rng.normal(0, 1, _WAVES) * rng.uniform(0.005, 0.03),
        ),
        noise=float(np.exp(rng.uniform(np.log(0.001), np.log(0.012)))),
    )


def plain_networks(instance: int) -> Task:
    """Return the task of one data set."""
    data = _data(instance)

    def curve(config: Config) -> np.ndarray:
        at = positions(SETTINGS, config)
        off = _too_high(data, config, at)
        span = data.ceiling - data.floor
        if at[6] > 0.93 or off > 4.0 + 0.5 * np.sin(9 * at[5]):  # Nothing passes the dropout, or training diverges.
            return np.asarray(data.floor + 0.02 * span * (1 - np.exp(-_STEPS / 5)))
        end = data.floor + span * np.exp(-2.2 * max(0.0, _lost(data, at, off)))
        batches = np.log(float(str(config["batch_size"])) / 64)
        speed = np.exp(data.size / 3 - 1.2 + 0.7 * min(off, 1.5) - 0.6 * at[6] - 0.35 * batches)
        risen = data.floor + (end - data.floor) * (1 - (1 + speed * _STEPS) ** -0.9)
        late = -data.annealing * max(0.0, off + 1.0) / 3 * 0.5 * (1 + np.cos(np.pi * _STEPS / EPOCHS))
        over = np.maximum(0, _STEPS * min(speed, 2) / 30 - 0.6) * max(0.0, 0.5 * at[4] + 0.5 * at[5] - at[6] - at[3])
        return np.asarray(np.clip(risen + late * span - 0.12 * data.overfits * over, data.floor * 0.98, 1))

    return Task(f"plain networks {instance}", SETTINGS, EPOCHS, curve, noise=data.noise)


def _too_high(data: _Data, config: Config, at: np.ndarray) -> float:
    """Return by how much the logarithm of the effective rate is above the highest that goes well at this depth."""
    batch, rate, momentum = (float(str(config[name])) for name in ("batch_size", "learning_rate", "momentum"))
    return float(np.log(rate / (1 - momentum)) - 0.5 * np.log(batch / 64) - data.rate + 0.6 * (at[4] - 0.5))


def _lost(data: _Data, at: np.ndarray, off: float) -> float:
    """Return what keeps the end of the curve from the best value."""
    size = 0.5 * at[4] + 0.5 * at[5]
    frequency, phase, height = data.waves
    lost = data.steepness * (0.25 * max(0.0, off) ** 2 + 0.05 * max(0.0, -off - 2.5) ** 2)
    lost += 0.35 * max(0.0, data.capacity - size - 0.2) ** 2
    lost += data.overfits * max(0.0, size - data.capacity) ** 2 * (1.2 - at[6])
    lost += data.needs_dropout * (at[6] - data.dropout - 0.3 * (size - 0.5)) ** 2
    lost += 0.25 * max(0.0, at[3] - data.decay - 0.25) ** 2 + 0.03 * (at[3] - data.decay) ** 2
    lost += data.large_batches * max(0.0, at[4] - 0.6) * max(0.0, 0.4 - at[0])
    return float(lost + height @ np.sin(2 * frequency.T @ at + phase))
