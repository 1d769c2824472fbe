"""Finds what a search goes on from: the driver's folder, or the store's copy where that is newer or the only one."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from search.errors import SearchError
from search.experiment.existing import find_experiments, is_experiment
from search.experiment.manifest import MANIFEST, read_manifest
from search.experiment.remote.store import WAYS, ResultsPath, Store, reason
from search.wording import counted

ASIDE = ".older"
"""The hidden folder, beside experiments, to which a folder is moved that a newer copy replaces."""


def check_free(root: Path, store: Store | None = None) -> None:
    """Raise SearchError where an experiment of that name stands already, in the folder or in the store."""
    held = str(root) if is_experiment(root) else None
    if held is None and store is not None and stored_manifest(store) is not None:
        held = store.plain
    if held is not None:
        raise SearchError(
            f"{held} holds an experiment already; continue it with --resume, or give this one another --name."
        )


def newest(root: Path, store: Store | None) -> tuple[dict[str, Any] | None, bool]:
    """Return the manifest to go on from, None where there is none, and whether it is the store's.

    The folder is as new as the store while each session of the store is also one of the folder: a driver writes to the
    folder first. Raises SearchError where the two are of different searches, or were each continued without the other.
    """
    here = read_manifest(root) if is_experiment(root) else None
    if store is None:
        return here, False
    there = stored_manifest(store)
    if here is not None and here.get("store") not in ((store.plain,) if there is not None else (store.plain, None)):
        other = here.get("store") or "it alone"
        raise SearchError(
            f"{root} holds another experiment, of results in {other}, and would be the driver's copy of {store.plain}; "
            "move it away, or give this one another --name."
        )
    if here is None or there is None:
        return (here, False) if there is None else (there, True)
    mine, stored = _sessions(here), _sessions(there)
    if stored == mine[: len(stored)]:
        return here, False
    if mine == stored[: len(mine)]:
        return there, True
    raise SearchError(
        f"{root} and {store.plain} were each continued without the other; move the folder away to go on with what the "
        "store has, or give another --results to go on with the folder."
    )


def stored_manifest(store: Store) -> dict[str, Any] | None:
    """Return the manifest in a store, None where there is none; raises SearchError where it cannot be read."""
    try:
        manifest = json.loads(store.read(MANIFEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SearchError(f"{store.child(MANIFEST).plain} cannot be read ({reason(error)}); {WAYS}") from None
    if not isinstance(manifest, dict):
        raise SearchError(f"{store.child(MANIFEST).plain} is not a manifest; expected a JSON object.")
    return manifest


def experiments_of(results: ResultsPath) -> Sequence[ResultsPath]:
    """Return the experiments in a folder, near or far; raises SearchError for a store that cannot be read."""
    if isinstance(results, Path):
        return find_experiments(results)
    return [results.child(name) for name in experiments_in(results)]


def why_none(place: ResultsPath) -> str:
    """Return the line for a place that holds no experiment; it names those that are in it, or beside it.

    Raises SearchError for a store that cannot be read.
    """
    told = place.plain if isinstance(place, Store) else str(place)
    inside = [one.name for one in experiments_of(place)]
    if inside:
        return f"{told} is a folder of {counted(len(inside), 'experiment')}; expected one of them: {_some(inside)}."
    if isinstance(place, Store):
        return f"no experiment at {told}: it holds no {MANIFEST}."
    if not place.exists():
        beside = [path.name for path in find_experiments(place.parent)]
        return f"no experiment at {told}." + (f" There are: {_some(beside)}." if beside else "")
    if place.is_dir() and not any(place.iterdir()):
        return f"{told} is empty; expected the folder of an experiment, with its {MANIFEST}."
    return f"{told} is no experiment: it holds no {MANIFEST}. Expected a folder that a search made, like results/NAME."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def experiments_in(stores: Store) -> dict[str, dict[str, Any] | SearchError]:
    """Return the manifests of the experiments directly below a folder of a store, by name; raises SearchError.

    A manifest that cannot be read stands as its error, so that it hides no other experiment.
    """
    try:
        names = [name for name, info in stores.list(recursive=False).items() if info.type == pafs.FileType.Directory]
    except OSError as error:
        raise SearchError(f"{stores.plain} cannot be read ({reason(error)}); {WAYS}") from None
    found = {name: _manifest_or_error(stores.child(name)) for name in names}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def _manifest_or_error(store: Store) -> dict[str, Any] | SearchError | None:
    try:
        return stored_manifest(store)
    except SearchError as error:
        return error


def _sessions(manifest: Mapping[str, Any]) -> list[str]:
    return [str(session.get("started_at")) for session in manifest.get("sessions", ())]


def set_aside(root: Path) -> Path | None:
    """Move an older folder away, so that nothing of it mixes with what is fetched; return where it went."""
    if not root.exists():
        return None
    aside = root.parent / ASIDE / f"{root.name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    root.rename(aside)
    if not is_experiment(aside):  # It is what a fetch left that was cut off.
        shutil.rmtree(aside)
        return None
    return aside


def fetch_tables(store: Store, root: Path) -> None:
    """Fetch what a search goes on from: the tables, from which the study is rebuilt, and the space file.

    Models, predictions and checkpoints stay in the store until they are asked for. Raises SearchError.
    """
    _fetch(store, root, lambda name: name == "space.py" or name.startswith(("trials", "epochs")))


def fetch_result(store: Store, root: Path, manifest: Mapping[str, Any]) -> None:
    """Fetch what there is to tell of a search that has ended: manifest, tables, the best model. Raises SearchError."""
    best = str((manifest.get("best") or {}).get("model"))
    _fetch(store, root, lambda name: name in (MANIFEST, best) or name.startswith(("trials", "epochs")))


def _fetch(store: Store, root: Path, is_wanted: Callable[[str], bool]) -> None:
    try:
        for name in filter(is_wanted, store.list()):
            store.download(name, root / name)
    except OSError as error:
        raise SearchError(
            f"{store.plain} cannot be fetched to {root} ({reason(error)}); mend that and start again."
        ) from None
