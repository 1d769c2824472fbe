"""The trackers that there are, and the package that each needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from search.errors import SearchError

TRACKERS = ("tensorboard", "mlflow", "wandb")
_NEEDS = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


def check_installed(names: Sequence[str], option: str) -> None:
    """Raise SearchError for a tracker whose package is not installed; `option` is the one that names it."""
    for name in names:
        if importlib.util.find_spec(_NEEDS[name]) is None:
            raise SearchError(
                f"{option} {name} needs the package {_NEEDS[name]!r}, which is not installed. "
                f"Install it: pip install 'keras-search[{name}]'."
            )
