"""Hartmann's function in six dimensions (Dixon and Szegő 1978), as a value to be maximized."""

from __future__ import annotations

import numpy as np

_ALPHA = np.array([1, 1.2, 3, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)
MAXIMUM = 3.32237
"""Value of the function at its optimum."""


def hartmann_value(at: np.ndarray) -> float:
    """Return the value at six settings, each in 0..1."""
    return float(_ALPHA @ np.exp(-(_A * (at - _P) ** 2).sum(axis=1)))
