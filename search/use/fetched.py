"""Brings what an object store has of an experiment to this machine, where its tables and models are used."""

from __future__ import annotations

from pathlib import Path

from search.errors import SearchError
from search.experiment.existing import JOURNAL
from search.experiment.manifest import MANIFEST
from search.experiment.remote.resumable import newest, set_aside, why_none
from search.experiment.remote.store import ResultsPath, Store, reason
from search.planning.plan import RESULTS

_BESIDE = ("models/", "predictions/")
"""What other nodes send to the store, so that the driver's folder may lack it; it never changes."""
_NEVER = ("checkpoints/", ".")
"""What only a resume needs, and a driver's marker."""
_TABLES = ("trials", "epochs")


def experiment_folder(results: ResultsPath) -> Path:
    """The folder of an experiment; of one in a store results/NAME, with what the store has and the folder has not.

    A driver's folder that is older than the store is moved aside, as by a resume; one that was fetched before is
    brought up to date. Raises SearchError where there is no experiment, where the folder holds another one, and where
    the store does not answer.
    """
    if isinstance(results, Path):
        return results
    root = RESULTS / results.name
    manifest, is_the_stores = newest(root, results)
    if manifest is None:
        raise SearchError(why_none(results))
    is_a_drivers = (root / JOURNAL).exists()
    if is_a_drivers and is_the_stores:
        set_aside(root)
        is_a_drivers = False
    try:
        _fetch(results, root, everything=not is_a_drivers)
    except OSError as error:
        raise SearchError(f"{results.plain} cannot be fetched to {root} ({reason(error)}); try again.") from None
    return root


def _fetch(store: Store, root: Path, *, everything: bool) -> None:
    """Fetch what is wanted, the manifest last: what was cut off before it is no experiment."""
    names = sorted(store.list(), key=lambda name: name == MANIFEST)
    for name in names:
        is_wanted = not (root / name).is_file() if name.startswith(_BESIDE) else everything
        if is_wanted and not name.startswith(_NEVER):
            store.download(name, root / name)
    for part in (part for table in _TABLES if everything for part in (root / table).glob("*.parquet")):
        if part.relative_to(root).as_posix() not in names:
            part.unlink()  # It was merged since.
