"""From the command line to a checked plan: everything that a user can mend is refused here, before any training."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.experiment.existing import is_experiment, occupied
from search.experiment.remote.resumable import stored_manifest
from search.experiment.remote.store import Store
from search.planning.address import check_address
from search.planning.plan import RESULTS, Plan
from search.planning.resources import local_resources, slots
from search.planning.resuming import asked_options, check_unchanged, keep_options, manifest_to_resume
from search.planning.smoke import smoke_space
from search.space import Choice, Int, Parameter, Space
from search.space.loading import load_space
from search.stopping import make_rule
from search.wording import nearest
from trainables.errors import DatasetMissing, FileMissing, TrainableError


def make_plan(options: argparse.Namespace, words: tuple[str, ...], say: Callable[[str], None]) -> Plan:
    """Load, apply the options and check; raises SearchError. `say` is told what the user should know beforehand."""
    source, space = load_space(options.space)
    name = options.name or source.stem
    results, stores = _results(options)
    manifest = manifest_to_resume(results, name, source, stores) if options.resume else None
    asked = asked_options(options, manifest)
    keep_options(options, manifest)
    space = _with_options(space, options, asked)
    seed = int(str(asked["seed"] or 0))
    data_dir = _data_dir(options.data_dir)
    dataset, asked_dataset = _find_dataset(space, asked["dataset"] is not None, data_dir, seed, say)
    if asked_dataset is not None:
        space = _capped(dataclasses.replace(space, dataset=dataset.name), dataset.num_train, say)
    elif asked["smoke"] and dataset is not None:
        space = _capped(space, dataset.num_train, say)
    if asked["smoke"]:
        space = _with_files_at_hand(space, dataset, data_dir, say)
    trials = _trials(space, options, manifest)
    throwaway = bool(asked["smoke"]) and options.results is None
    plan = Plan(
        source=source,
        space=dataclasses.replace(space, trials=trials),
        name=name,
        results=Path(tempfile.gettempdir()) / f"search-smoke-{os.getpid()}" if throwaway else results,
        trials=trials,
        seed=seed,
        dataset=dataset,
        asked_dataset=asked_dataset,
        data_dir=data_dir,
        max_concurrent=options.max_concurrent,
        time_budget_s=options.time_budget,
        trial_timeout_s=options.trial_timeout,
        address=options.address,
        resume=options.resume,
        retry_failed=options.retry_failed,
        oom_retry=bool(options.oom_retry),
        throwaway=throwaway,
        stores=stores,
        command=words,
        asked=asked,
    )
    _check(plan)
    if manifest is not None:
        check_unchanged(plan, manifest)
    else:
        _check_free(plan)
    return plan


def _results(options: argparse.Namespace) -> tuple[Path, Store | None]:
    """The folder of the driver's experiments, and the store that gets a copy of them, which must answer."""
    if not isinstance(options.results, Store):
        return options.results or RESULTS, None
    options.results.check()
    return RESULTS, options.results


def _check_free(plan: Plan) -> None:
    held = str(plan.root) if is_experiment(plan.root) else None
    if held is None and plan.store is not None and stored_manifest(plan.store) is not None:
        held = plan.store.plain
    if held is not None:
        raise occupied(held)


def _with_options(space: Space, options: argparse.Namespace, asked: Mapping[str, object]) -> Space:
    changes: dict[str, Any] = {
        name: asked[name] for name in ("sampler", "stopping", "dataset") if asked[name] is not None
    }
    if asked["stopping"] is not None and asked["stopping"] != space.stopping:
        changes["stopping_options"] = {}
    if asked["fidelity"] is not None:
        others = changes.get("stopping_options", space.stopping_options)
        changes["stopping_options"] = {**others, "fidelity": asked["fidelity"]}
    if asked["dataset"] is not None:
        changes["offline_dataset"] = None
    for name in ("repeats", "cpus_per_trial", "gpus_per_trial"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    space = dataclasses.replace(space, **changes)
    pins = asked["set"] or {}
    assert isinstance(pins, Mapping)
    for name, text in pins.items():
        if name in ("metric", "mode", "trainable", "dataset"):
            raise SearchError(
                f"--set {name}=... cannot change the {name}; edit the space file"
                + (", or use --dataset." if name == "dataset" else ".")
            )
        space = space.pin(name, _option(space, name, ast.literal_eval(text)))
    if asked["smoke"]:
        declaration = getattr(space.trainable, "declaration", None)
        space = smoke_space(space, getattr(declaration, "smoke", {}), pins)
    return space


def _option(space: Space, name: str, value: object) -> object:
    """The option that a text stands for, where the options cannot be written on a command line themselves."""
    parameter = space.parameters.get(name) if space.declared else None
    if not isinstance(parameter, Choice) or not isinstance(value, str) or value in parameter.options:
        return value
    return dict(zip(parameter.texts(), parameter.options, strict=True)).get(value, value)


def _data_dir(given: Path | None) -> Path | None:
    text = os.environ.get("SEARCH_DATA_DIR")
    folder = given or (Path(text) if text else None)
    if folder is not None and not folder.is_dir():
        where = "--data-dir" if given else "SEARCH_DATA_DIR"
        raise SearchError(f"{where} names {folder}, which is no folder; expected the folder of the data sets.")
    return folder


def _find_dataset(
    space: Space, explicit: bool, data_dir: Path | None, seed: int, say: Callable[[str], None]
) -> tuple[Any, str | None]:
    """What the data set holds, and the name that was asked for if the offline fallback takes its place."""
    declaration = getattr(space.trainable, "declaration", None)
    find = getattr(declaration, "find_dataset", None)
    if space.dataset is not None and declaration is not None and find is None:
        raise SearchError(f"the trainable takes no data set, and {space.dataset!r} is given; leave it out.")
    if space.dataset is None or find is None:
        return None, None
    try:
        return find(space.dataset, data_dir, seed, space.settings()), None
    except DatasetMissing as missing:
        if space.offline_dataset is None or explicit:
            raise SearchError(str(missing)) from None
        say(f"NOTE: {missing}")
        say(f"NOTE: the space's offline data set {space.offline_dataset!r} IS SEARCHED INSTEAD of {space.dataset!r}.")
    except TrainableError as error:
        raise SearchError(str(error)) from None
    try:
        return find(space.offline_dataset, data_dir, seed, space.settings()), space.dataset
    except TrainableError as error:
        raise SearchError(str(error)) from None


def _with_files_at_hand(space: Space, dataset: Any, data_dir: Path | None, say: Callable[[str], None]) -> Space:
    """A smoke run's space, with the settings that do without a file that is missing."""
    check_files = getattr(getattr(space.trainable, "declaration", None), "check_files", None)
    try:
        if check_files is not None:
            check_files(space.settings(), dataset, data_dir)
    except FileMissing as missing:
        say(f"NOTE: {missing}")
        for name, value in missing.instead.items():
            say(f"NOTE: this smoke run takes {name}={value} instead.")
            space = space.pin(name, value)
    except TrainableError as error:
        raise SearchError(str(error)) from None
    return space


def _capped(space: Space, most: int, say: Callable[[str], None]) -> Space:
    """Sample sizes cut to what the offline fallback has, announced."""
    name = "sample_size"
    fixed = space.fixed.get(name)
    if _is_count(fixed) and fixed != _at_most(fixed, most):
        say(f"NOTE: sample_size={fixed} is cut to {most}, all that {space.dataset!r} has.")
        return space.pin(name, most)
    parameter = space.parameters.get(name) if space.declared else None
    if parameter is None or all(value == _at_most(value, most) for value in parameter.bounds()):
        return space
    say(f"NOTE: {name} ({parameter.describe()}) is cut to {most}, all that {space.dataset!r} has.")
    if isinstance(parameter, Int) and parameter.step == 1 and parameter.low < most:
        cut: Parameter = dataclasses.replace(parameter, high=most)
    else:
        values = parameter.values() or parameter.bounds()
        cut = Choice(*dict.fromkeys(_at_most(value, most) for value in values), when=parameter.when)
    return dataclasses.replace(space, parameters={**space.parameters, name: cut})


def _at_most(value: object, most: int) -> object:
    """A sample size, or the `most` that there is; 'all' and None stay."""
    return min(int(str(value)), most) if _is_count(value) else value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _trials(space: Space, options: argparse.Namespace, manifest: Mapping[str, Any] | None) -> int:
    if options.trials is not None:
        return int(options.trials)
    if manifest is not None:
        return int(manifest["options"]["trials"])
    if space.sampler == "grid":
        if not space.declared:
            raise SearchError(
                "the grid sampler needs declared parameters; this space is a function. Use another sampler."
            )
        return sum(1 for _ in space.grid())
    size = space.size() if space.declared else None
    return space.trials or size or 0


def _check(plan: Plan) -> None:
    space = plan.space
    rule = make_rule(space.stopping, space.mode, space.stopping_options, plan.max_epochs)
    declaration = getattr(space.trainable, "declaration", None)
    if rule.growth().steps:
        _check_growth(plan, getattr(declaration, "grows", False))
    if declaration is not None:
        if space.metric not in declaration.metrics:
            raise SearchError(
                f"the trainable yields no metric {space.metric!r}. {nearest(space.metric, list(declaration.metrics))}"
            )
        try:
            declaration.check(space.settings(), plan.dataset)
            if declaration.check_files is not None:
                declaration.check_files(space.settings(), plan.dataset, plan.data_dir)
        except TrainableError as error:
            raise SearchError(str(error)) from None
    if space.sampler in ("grid", "gp", "cmaes"):
        from search.sampling.samplers import make_sampler  # noqa: PLC0415  # Optuna takes half a second to import

        make_sampler(space.sampler, plan.seed)
    for shape in space.shapes():
        if shape.gpus > 1 and shape.gpus % 1:
            raise SearchError(f"gpus_per_trial={shape.gpus}; expected a whole number, or a share of one GPU like 0.5.")
    if plan.oom_retry and not any(0 < shape.gpus < 1 for shape in space.shapes()):
        raise SearchError(
            "--oom-retry runs a trial that ran out of memory once more, alone on a whole GPU; expected trials that "
            "share one, like --gpus-per-trial 0.5."
        )
    if plan.address != "local":
        check_address(plan.address)
    else:
        slots(local_resources(), space.shapes(), plan.max_concurrent)


def _check_growth(plan: Plan, grows: bool) -> None:
    """Raise SearchError where the trainable, or trials of different lengths, cannot follow a growing training set."""
    if not grows:
        raise SearchError(
            f"fidelity={plan.fidelity!r} trains early rungs on a part of the images, and the trainable does not "
            "declare that it can (`grows`); expected fidelity='epochs'."
        )
    for name in ("epochs", "second_epochs"):
        if len(set(map(repr, plan.space.settings().get(name, ())))) > 1:
            raise SearchError(
                f"fidelity={plan.fidelity!r} needs trials of one length, and {name!r} is a parameter; pin it with "
                f"--set {name}=..., or take fidelity='epochs'."
            )
