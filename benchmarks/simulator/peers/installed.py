"""The peers whose library is installed."""

from __future__ import annotations

import importlib
import importlib.util

from benchmarks.simulator.clock import Make

_MODULES = {
    "optuna": "optuna_study",
    "ray": "ray_tune",
    "keras_tuner": "keras_tuner_oracle",
    "syne_tune": "syne_tune",
}
"""Library and the module of this folder that makes its searches."""


def peers() -> dict[str, Make]:
    """Return the makers of searches by name. Ray and KerasTuner take ten seconds to import."""
    found: dict[str, Make] = {}
    for library, module in _MODULES.items():
        if importlib.util.find_spec(library):
            found |= importlib.import_module(f"benchmarks.simulator.peers.{module}").SEARCHES
    return found
