"""A resumed search may change trials, budgets and resources, and must keep all else, which is checked here."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.experiment.existing import existing
from search.experiment.manifest import MANIFEST, read_manifest
from search.experiment.remote.resumable import experiments_in, newest
from search.experiment.remote.store import Store
from search.planning.options import Options
from search.planning.plan import Plan
from search.planning.provenance import describe_space
from search.space.loading import SpaceFile
from search.space.values import literal
from search.wording import did_you_mean

KEPT = ("trials", "repeats", "cpus_per_trial", "gpus_per_trial", "max_concurrent", "oom_retry")
"""Options that a resumed search may change, and keeps where they are not given."""
_WAYS = "a resumed search keeps what decides its results. Leave it out, or search under another --name."

_JOINED = {"objective": ":", "constraint": ""}
"""What stands between a metric and the rest in options of which each is one metric's."""

Manifest = Mapping[str, Any]


def manifest_to_resume(results: Path, name: str, space_file: SpaceFile, stores: Store | None = None) -> dict[str, Any]:
    """Return the manifest of the experiment; raises SearchError where it is missing or the space file has changed."""
    manifest = _stored(results, name, stores) if stores is not None else read_manifest(existing(results, name))
    missing = {"space", "options", "asked", "sessions"} - manifest.keys()
    if missing:
        raise SearchError(
            f"{results / name / MANIFEST} lacks {', '.join(sorted(missing))}; restore it, "
            "or search under another --name."
        )
    if manifest["space"].get("sha256") != space_file.sha256:
        raise SearchError(
            f"{space_file.path} differs from the space that {results / name} was searched with "
            f"({results / name / 'space.py'}); restore it, or search under another --name."
        )
    return manifest


def _stored(results: Path, name: str, stores: Store) -> dict[str, Any]:
    manifest, _ = newest(results / name, stores.child(name))
    if manifest is None:
        raise SearchError(
            f"no experiment {name!r} in {stores.plain} to resume. {did_you_mean(name, [*experiments_in(stores)])}"
        )
    return manifest


def resumed_options(given: Options, manifest: Manifest) -> Options:
    """Return the options by which a search goes on: those given now, completed by those of the experiment.

    Options on which results depend are those of the first command line; raises SearchError where `given` has others.
    What the experiment was logged to it is logged to on, and to what `given` names besides.
    """
    _check_kept(given, manifest)
    asked = manifest["asked"]
    deciding = {
        name: asked.get(name) for name in ("sampler", "stopping", "fidelity", "seed", "dataset", "metric", "mode")
    }
    deciding["warm_start"] = tuple(asked.get("warm_start") or ())
    deciding |= {f"{name}s": dict(asked.get(name) or {}) for name in ("objective", "constraint")}
    pins = {name: literal(text) for name, text in (asked.get("set") or {}).items()}
    kept = {name: manifest["options"].get(name) for name in KEPT if getattr(given, name) is None}
    logged = tuple(dict.fromkeys((*(manifest["options"].get("log") or ()), *given.log)))
    return dataclasses.replace(given, **deciding, **kept, log=logged, pins=pins, smoke=bool(asked.get("smoke")))


def _check_kept(given: Options, manifest: Manifest) -> None:
    """Raise SearchError for an option with another value than was first asked for, or is in force."""
    asked = manifest["asked"]
    in_force = {**manifest["options"], "dataset": (manifest.get("dataset") or {}).get("name")}
    in_force |= {name: manifest["space"].get(name) for name in ("metric", "mode")}
    in_force |= {name: manifest["space"].get(f"{name}s") for name in ("objective", "constraint")}
    for name, value in given.deciding().items():
        if value is not None and value not in (asked.get(name), in_force.get(name)):
            before = in_force.get(name) if asked.get(name) is None else asked[name]
            raise SearchError(f"{_words(name, value)} differs from {_before(name, before)}; {_WAYS}")


def _words(name: str, value: object) -> str:
    """Return an option as it is written on the command line."""
    if isinstance(value, Mapping) and name in _JOINED:
        return " ".join(f"--{name} {shlex.quote(f'{key}{_JOINED[name]}{text}')}" for key, text in value.items())
    if isinstance(value, Mapping):
        return f"--set {' '.join(f'{key}={text}' for key, text in value.items())}"
    if isinstance(value, list):
        return " ".join(f"--{name.replace('_', '-')} {one}" for one in value)
    return f"--{name}" if value is True else f"--{name} {value}"


def _before(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    return f"the experiment, begun without {flag}" if value is None else f"the experiment's {_words(name, value)}"


def check_unchanged(plan: Plan, manifest: Manifest) -> None:
    """Raise SearchError where parameters, fixed settings or data differ from those that the experiment began with."""
    before, after = manifest["space"], describe_space(plan)
    for part in ("dataset", "parameters", "fixed", "metric", "mode", "objectives", "constraints"):
        if before.get(part) != after.get(part):
            difference = _difference(part, before.get(part), after.get(part))
            raise SearchError(
                f"{difference} that {plan.root} was searched with; restore that, or search under another --name."
            )
    recorded, found = manifest.get("dataset"), plan.dataset
    if recorded and found is not None and recorded["fingerprint"] != found.fingerprint:
        raise SearchError(
            f"data set {found.name!r} ({found.source}) is not the one that {plan.root} was searched with "
            f"({recorded['source']}); restore it, or search under another --name."
        )
    for name, digest in manifest.get("files", {}).items():
        if plan.files.get(name, digest) != digest:
            raise SearchError(
                f"{name!r} is not the file that {plan.root} was searched with; restore it, or search under another "
                "--name."
            )


def _difference(part: str, before: object, after: object) -> str:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return f"the space's {part} {', '.join(map(repr, names))} differ from those"
    return f"the space's {part} is {after!r} now, and not the {before!r}"
