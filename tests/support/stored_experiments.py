"""Small experiments in a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.errors import StorageLost
from search.experiment.folder import Experiment
from search.experiment.remote.store import Store
from search.experiment.schema import read_trials
from tests.support.small_experiment import SPACE


def manifest(store: Store, *sessions: str) -> dict[str, Any]:
    return {"name": "e", "store": store.plain, "sessions": [{"started_at": session} for session in sessions]}


def begin(root: Path, store: Store) -> Experiment:
    return Experiment.create(root, SPACE, "space = None\n", manifest(store, "monday"), store)


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def settle(experiment: Experiment) -> StorageLost | None:
    assert experiment.copy is not None
    return experiment.copy.settle(patience_s=20)


def states(store: Store) -> dict[str, str]:
    table = read_trials(store.path, store.files).table
    if not len(table):
        return {}
    return dict(zip(table["trial_id"].to_pylist(), table["state"].to_pylist(), strict=True))
