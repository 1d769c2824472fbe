"""Tune without the libraries of trackers that it has callbacks for.

Where MLflow and W&B are installed, Tune imports both as a search begins, to count who uses them: 1.4 s of each command.
Nothing here uses its callbacks; what `--log` asks for has its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Let an import of these fail as if they were not installed, unless they are imported already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python spells it.
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with absent("mlflow", "wandb"):
    from ray import tune

    for name in ("mlflow", "wandb"):
        importlib.import_module(f"ray.air.integrations.{name}")

__all__ = ["tune"]
