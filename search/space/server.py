"""The process apart that runs a space file, finds what a HyperModel asks for, and draws from functions.

    python -m search.space.server DESCRIPTOR

It ends when the driver's end of the pipe is closed.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from search.errors import SearchError, is_pruning
from search.space import Space
from search.space.building.exploration import Build, Undeclarable, Values, explore
from search.space.building.hypermodel import build_once, is_build, leave_weights_out, propose
from search.space.building.space_process import Building, Described, PlainParameter, plain_parameter
from search.space.loading import SpaceFile
from trainables.errors import TrainableError
from trainables.trial import declaration_of

SHOWN_FAILURES = 3
TOLD_EVERY_S = 20.0
"""How often the driver hears how many models were built so far."""


def main() -> None:
    """Describe the space, then draw as often as asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The driver decides what Ctrl-C means.
    link = Connection(int(sys.argv[1]))
    try:
        space_file, explores = link.recv()
        assert isinstance(space_file, SpaceFile)
        _serve(space_file, explores, link)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _serve(space_file: SpaceFile, explores: bool, link: Connection) -> None:
    try:
        space = space_file.execute()
        builds = not space.declared and is_build(space.parameters)
        if builds:
            leave_weights_out()
        described = _described(space, builds)
        link.send(_explored(space, described, link.send) if builds and explores else described)
    except SearchError as error:
        link.send(error)
        return
    while link.recv() == "draw":
        try:
            draw = _proposed if builds else _drawn
            link.send(("drawn", draw(space.parameters, link)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except SearchError as error:
            link.send(error)
        except (Exception, SystemExit) as error:
            link.send(error if is_pruning(error) else space_file.line_of(error))


def _described(space: Space, builds: bool) -> Described:
    values = {
        field.name: _plain(getattr(space, field.name))
        for field in dataclasses.fields(space)
        if field.name not in ("trainable", "parameters")
    }
    trainable = space.trainable
    return Described(
        values=values,
        parameters=_plain_parameters(space.parameters) if space.declared else None,
        builds=builds,
        trainable=(trainable.__module__, getattr(trainable, "__qualname__", "trainable")),
        declaration=declaration_of(trainable),
    )


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _plain_parameters(parameters: Mapping[str, Any]) -> dict[str, PlainParameter]:
    return {name: plain_parameter(parameter) for name, parameter in parameters.items()}


def _explored(space: Space, described: Described, tell: Callable[[Building], None]) -> Described:
    """With the parameters declared that builds ask for, where they can be; `tell` hears of it where that takes long."""
    begun = told = time.monotonic()
    asked: set[str] = set()
    momentums: set[float] = set()
    num_builds = 0

    def build(values: Values) -> Build:
        nonlocal told, num_builds
        built = build_once(space.parameters, values)
        asked.update(built.values)
        if built.momentum is not None:
            momentums.add(built.momentum)
        num_builds += 1
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            tell(Building(num_builds, len(asked), told - begun))
        return built

    try:
        found = explore(build)
    except ValueError as error:
        raise SearchError(f"the HyperModel's `build` fails with its defaults: {error}") from None
    except Undeclarable as reason:
        note = f"NOTE: a build tells the hyperparameters of each trial, since no table can show them all: {reason}."
        return dataclasses.replace(described, notes=(note, *_of_names(space, asked)))
    if not found.parameters:
        raise SearchError("the HyperModel asks for no hyperparameter with more than one value; expected one to search.")
    declared = dataclasses.replace(space, parameters=found.parameters, fixed={})
    notes = [f"NOTE: the HyperModel's build fails with {failure}" for failure in found.failures[:SHOWN_FAILURES]]
    if len(found.failures) > SHOWN_FAILURES:
        notes.append(f"NOTE: and with {len(found.failures) - SHOWN_FAILURES} other values.")
    notes += _of_names(space, asked)
    others = {name: value for name, value in found.constants.items() if name not in space.fixed}
    declaration = described.declaration
    if momentums and declaration.remarks_on_momentum:
        remarks = partial(declaration.remarks_on_momentum, max(momentums))
        declaration = dataclasses.replace(declaration, remarks=remarks)
    return dataclasses.replace(
        described,
        declaration=declaration,
        values={**described.values, "fixed": {**others, **space.fixed}},
        parameters=_plain_parameters(declared.parameters),
        notes=tuple(notes),
    )


def _of_names(space: Space, asked: Collection[str]) -> list[str]:
    """What to tell of hyperparameters that are settings of the trainable too; raises SearchError for what must not be.

    Where `fixed` gives the value of one, the user has said so.
    """
    try:
        notes = declaration_of(space.trainable).check_names(set(asked) - space.fixed.keys())
    except TrainableError as error:
        raise SearchError(str(error)) from None
    return [f"NOTE: {note}" for note in notes]


class _TrialThere:
    """An Optuna trial whose methods and attributes are the driver's."""

    def __init__(self, link: Connection) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not name.startswith(("suggest", "report", "should", "set")):
            return _answer(self._link, "get", name)
        return lambda *words, **options: _answer(self._link, "call", name, words, options)


def _answer(link: Connection, *question: object) -> Any:
    link.send(("ask", *question))
    kind, answer = link.recv()
    if kind == "raise":
        raise answer
    return answer


def _drawn(function: Callable[[Any], Any], link: Connection) -> Any:
    return function(_TrialThere(link))


def _proposed(hypermodel: Any, link: Connection) -> dict[str, object]:
    return propose(hypermodel, lambda name, parameter: _answer(link, name, plain_parameter(parameter)))


if __name__ == "__main__":
    main()
