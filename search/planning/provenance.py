"""What a manifest records: the command, the space, the data set, the code, the versions and the machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import socket
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from search.experiment.states import SearchEnd
from search.planning.plan import Plan
from search.planning.resources import local_resources
from search.space import Choice, Parameter, Space
from search.space.values import text_of

FORMAT = 1
_PACKAGES = ("keras-search", "ray", "optuna", "tensorflow", "keras", "keras-tuner", "numpy", "pandas", "pyarrow")


def now() -> str:
    """Return the time as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_manifest(plan: Plan) -> dict[str, Any]:
    """Return the manifest of a search that starts now."""
    return {
        "format": FORMAT,
        "name": plan.name,
        "question": plan.space_file.question,
        "state": str(SearchEnd.RUNNING),
        "command": list(plan.command),
        "store": plan.store.plain if plan.store is not None else None,
        "space": describe_space(plan),
        "dataset": describe_dataset(plan),
        "files": dict(plan.files),
        "options": describe_options(plan),
        "asked": plan.options.deciding(),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_commit(Path(plan.space_file.path).parent),
        "created_at": now(),
        "sessions": [new_session(plan)],
    }


def new_session(plan: Plan) -> dict[str, object]:
    """Return an entry of the manifest's `sessions` for a run of the driver that starts now."""
    return {"started_at": now(), "finished_at": None, "command": list(plan.command), "end": str(SearchEnd.RUNNING)}


OF_A_FUNCTION = (
    "A function gives the data in each trial: the column data_fingerprint of trials tells which arrays it gave. "
    "Batches of its own (tf.data, PyDataset) have no fingerprint, and nothing checks that they are the same again."
)
"""What the manifest says in place of a fingerprint."""


def describe_space(plan: Plan) -> dict[str, Any]:
    """Return the space as plain values."""
    space = plan.space
    return {
        # Of an object that Python gave there is no file.
        "file": None if plan.space_file.packed else relative_to_here(plan.space_file.address),
        "sha256": plan.space_file.sha256,
        "trainable": f"{space.trainable.__module__}:{getattr(space.trainable, '__qualname__', 'trainable')}",
        "dataset": space.dataset_name,
        **({"data": OF_A_FUNCTION} if callable(space.dataset) else {}),
        "metric": space.metric,
        "mode": space.mode,
        **{name: dict(goals) for name in ("objectives", "constraints") if (goals := getattr(space, name))},
        "parameters": describe_parameters(space),
        "fixed": {name: _plain(value) for name, value in space.fixed.items()},
    }


def relative_to_here(path: str) -> str:
    """Return a path relative to the working directory where it lies below that, else as it is."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def describe_parameters(space: Space) -> dict[str, Any]:
    """Return every declared parameter as plain values; empty for a define-by-run space."""
    return {name: _parameter(p) for name, p in space.parameters.items()} if space.declared else {}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": type(parameter).__name__}
    if isinstance(parameter, Choice):
        shown["options"] = list(parameter.texts())
    else:
        shown |= {name: getattr(parameter, name) for name in ("low", "high", "step")}
        shown |= {"log": parameter.log is True}  # What counts from the upper end has no logarithmic axis.
        shown |= {"sampling": "reverse_log"} if parameter.log == "reverse" else {}
    if parameter.when:
        shown["when"] = {
            parent: [value if isinstance(value, str) else text_of(value) for value in values]
            for parent, values in parameter.when.items()
        }
    return shown


def _plain(value: object) -> object:
    return value if isinstance(value, (bool, int, float, str)) or value is None else text_of(value)


def describe_dataset(plan: Plan) -> dict[str, Any] | None:
    """Return what the data set holds, and the name that was asked for where another is used; None without data."""
    if plan.dataset is None:
        return None
    described = {name: _listed(value) for name, value in dataclasses.asdict(plan.dataset).items()}
    return {**described, "asked": plan.asked_dataset}


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def describe_options(plan: Plan) -> dict[str, Any]:
    """Return the options that are in force, from the command line or the space."""
    space = plan.space
    return {
        "trials": plan.trials,
        "sampler": space.sampler,
        "stopping": space.stopping,
        "stopping_options": dict(space.stopping_options),
        "fidelity": plan.fidelity,
        "repeats": space.repeats,
        "repeat": space.repeat,
        "seed": plan.seed,
        # A table by condition is not recorded: a resumed search reads it from the space file again.
        "cpus_per_trial": space.cpus_per_trial if isinstance(space.cpus_per_trial, (int, float)) else None,
        "gpus_per_trial": space.gpus_per_trial if isinstance(space.gpus_per_trial, (int, float)) else None,
        "max_concurrent": plan.options.max_concurrent,
        "oom_retry": bool(plan.options.oom_retry),
        "log": list(plan.options.log),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results, without importing any."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Return name, processor, cores, memory and GPUs of this machine."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    node = local_resources()[0]
    return {
        "hostname": socket.gethostname(),
        "processor": _processor(),
        "cpus": int(node["CPU"]),
        "memory_gib": round(pages / 2**30, 1),
        "gpus": int(node["GPU"]),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def git_commit(folder: Path) -> dict[str, object] | None:
    """Return the commit of the checkout that holds `folder`, and whether it had changes; None outside a checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=5)
    return done.stdout.strip()
