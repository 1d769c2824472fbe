"""Refuses plans that cannot work, with what the user can do about it, before any cluster is started."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from search.errors import SearchError
from search.experiment.trackers import check_ready
from search.goals import check_known
from search.planning.plan import Plan
from search.planning.resources import local_resources, slots
from search.space.building.space_process import BuildApart
from search.stopping import StoppingRule, make_rule
from search.wording import counted
from trainables.errors import TrainableError
from trainables.trial import declaration_of

_WAIT_S = 3.0
"""Longest time for which an address is waited for; Ray itself would wait for minutes."""
_SERVER = "gcs_server"
"""The process that every Ray cluster has on its head."""
_LATEST = Path("/tmp/ray/ray_current_cluster")
"""Where `ray start` writes the address of its cluster; it stays when the cluster has died."""
_WAYS = "start one with `ray start --head`, or leave --address out to search on this machine."


def checked(plan: Plan, searches: bool = True) -> Plan:
    """The plan with the digests of the files that its trials read.

    Raises SearchError, which says what to do, for the first thing that cannot work; without `searches`, where a stored
    trial is trained again, only for what trains it.
    """
    if searches:
        _check_interpreter()
        _check_stopping(plan)
        _check_population(plan)
    files = _check_trainable(plan)
    if searches:
        _check_sampler(plan)
        check_ready(plan.options.log)
        _check_function(plan)
        _check_resources(plan)
    return dataclasses.replace(plan, files=files)


def _check_interpreter() -> None:
    if sys.flags.optimize > 1:
        raise SearchError(
            "Python runs without docstrings (-OO, or PYTHONOPTIMIZE=2), and Ray's code needs its own; expected python "
            "without it. -O is fine."
        )


def remarks(plan: Plan) -> Sequence[str]:
    """Lines on settings that can be trained and yet may not do what is wanted, as the trainable tells them."""
    space, rule = plan.space, _rule(plan)
    rungs = rule.rungs()
    first = int(space.stopping_options.get("min_epochs", 1)) if rungs is None else min(rungs, default=None)
    compared = None if first is None else first * rule.growth().share(first)
    told = declaration_of(space.trainable).remarks(space.settings(), plan.dataset, compared)
    return [f"NOTE: {line}" for line in told]


def _check_stopping(plan: Plan) -> None:
    if _rule(plan).growth().steps:
        _check_growth(plan)


def _rule(plan: Plan) -> StoppingRule:
    space = plan.space
    return make_rule(space.stopping, space.mode, space.stopping_options, plan.max_epochs)


def _check_growth(plan: Plan) -> None:
    """Raise SearchError where the trainable, or trials of different lengths, cannot follow a growing training set."""
    if not declaration_of(plan.space.trainable).grows:
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


def _check_population(plan: Plan) -> None:
    """Raise SearchError where members could not be compared, or not go on with each other's training."""
    population, space = plan.space.population, plan.space
    if population is None:
        return
    if not space.declared:
        raise SearchError("a population steps between values of declared parameters, and this space is a function.")
    lengths = [value for name in ("epochs", "second_epochs") for value in space.settings().get(name, ())]
    if plan.max_epochs is None or len(lengths) > 1:
        raise SearchError("a population needs trials of one length; expected one number of `epochs` in `fixed`.")
    if not population.rungs(plan.max_epochs):
        raise SearchError(
            f"population has interval={population.interval}, and trials have {counted(plan.max_epochs, 'epoch')}; "
            "expected a smaller interval, after which members are compared."
        )
    if plan.options.retry_failed:
        raise SearchError("--retry-failed cannot run members of a population again: others have taken their places.")
    try:
        declaration_of(space.trainable).check_change(population.change, space.settings())
    except TrainableError as error:
        raise SearchError(f"population: {error}") from None


def _check_trainable(plan: Plan) -> Mapping[str, str]:
    """The digests of the files that trials read; what a trainable does not declare is seen at its first report."""
    space, declaration = plan.space, declaration_of(plan.space.trainable)
    check_known(space.goals, declaration.metrics)
    try:
        declaration.check(space.settings(), plan.dataset)
        return declaration.check_files(space.settings(), plan.dataset, plan.data_dir)
    except TrainableError as error:
        raise SearchError(str(error)) from None


def _check_sampler(plan: Plan) -> None:
    if plan.space.sampler in ("grid", "gp", "cmaes"):  # The others take every space, and need no other package.
        from search.sampling.samplers import make_sampler  # noqa: PLC0415  # Optuna takes half a second to import

        make_sampler(plan.space.sampler, plan.seed)


def _check_function(plan: Plan) -> None:
    parameters = plan.space.parameters
    if not plan.space.declared and not isinstance(parameters, BuildApart):
        from search.sampling.translation import check_function  # noqa: PLC0415  # Optuna takes half a second to import

        check_function(parameters)


def _check_resources(plan: Plan) -> None:
    shapes = plan.space.shapes()
    for shape in shapes:
        if shape.gpus > 1 and shape.gpus % 1:
            raise SearchError(f"gpus_per_trial={shape.gpus}; expected a whole number, or a share of one GPU like 0.5.")
    if plan.options.oom_retry and not any(0 < shape.gpus < 1 for shape in shapes):
        raise SearchError(
            "--oom-retry runs a trial that ran out of memory once more, alone on a whole GPU; expected trials that "
            "share one, like --gpus-per-trial 0.5."
        )
    if plan.options.is_local:
        slots(local_resources(), shapes, plan.options.max_concurrent)
    else:
        _check_address(plan.options.address)


def _check_address(address: str) -> None:
    """Raise SearchError where nothing answers at HOST:PORT, or at what `auto` stands for on this machine."""
    if address == "auto":
        _check_auto()
    elif (reason := _unreachable(address)) is not None:
        raise SearchError(f"no Ray cluster answers at {address} ({reason}); {_WAYS}")


def _check_auto() -> None:
    named = os.environ.get("RAY_ADDRESS")
    if named and named != "auto":
        reason = _unreachable(named)
    elif _server_runs_here():
        reason = None
    else:
        latest = _LATEST.read_text(encoding="utf-8").strip() if _LATEST.is_file() else None
        reason = _unreachable(latest) if latest else "none was started here"
        named = latest or ""
    if reason is not None:
        raise SearchError(f"--address auto finds no Ray cluster{f' at {named}' if named else ''} ({reason}); {_WAYS}")


def _unreachable(address: str) -> str | None:
    """Return why nobody answers at an address; None where somebody does."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        return "that is not HOST:PORT"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_WAIT_S).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def _server_runs_here() -> bool:
    return any(process.info["name"] == _SERVER for process in psutil.process_iter(["name"]))
