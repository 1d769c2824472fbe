"""Which experiments there are in a folder of results."""

from __future__ import annotations

from pathlib import Path

from search.errors import SearchError
from search.experiment.manifest import MANIFEST
from search.wording import did_you_mean

JOURNAL = "study.journal"
"""The study of a search, which stays with its driver: an experiment without it was fetched from a store."""


def is_experiment(root: Path) -> bool:
    """Return whether a folder holds an experiment; it holds none until the manifest is written."""
    return (root / MANIFEST).is_file()


def find_experiments(results: Path) -> list[Path]:
    """Return the experiment folders directly under a results folder, newest manifest first."""
    if not results.is_dir():
        return []
    found = [folder for folder in results.iterdir() if is_experiment(folder)]
    return sorted(found, key=lambda folder: (folder / MANIFEST).stat().st_mtime, reverse=True)


def existing(results: Path, name: str) -> Path:
    """Return the folder of an experiment; raises SearchError, which names the existing ones, where it is missing."""
    root = results / name
    if not is_experiment(root):
        names = [folder.name for folder in find_experiments(results)]
        raise SearchError(f"no experiment {name!r} in {results} to resume. {did_you_mean(name, names)}")
    return root
