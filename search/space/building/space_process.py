"""A space file in a process apart: what imports TensorFlow or builds models there costs the driver nothing.

The process runs the file, says what its space is, and stays where the parameters are a function: it is then asked for
each configuration. What a build or a library prints goes to a file, and is shown only when the process ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from types import MappingProxyType
from typing import Any

from search.errors import SearchError
from search.space.parameters import Choice, Float, Int, Parameter
from search.space.unloaded import frameworks_unloaded
from search.wording import counted, show_seconds
from trainables.trial import Declaration

PlainParameter = tuple[str, dict[str, Any]]
"""The kind of a parameter, and the arguments that it is made with."""


@dataclass(frozen=True)
class Described:
    """A space as it travels from the process: plain values, and the names of what stays there."""

    values: Mapping[str, Any]
    """The fields of the Space that are plain values."""
    parameters: Mapping[str, PlainParameter] | None
    """The declared parameters; None for a function, which stays in the process."""
    builds: bool
    """Whether that function builds a model."""
    trainable: tuple[str, str]
    """The module and the name of the trainable."""
    declaration: Declaration
    """The trainable's: its functions are found by their names, in modules that need no TensorFlow."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Building:
    """How far the process is that builds a HyperModel to find its hyperparameters."""

    builds: int
    found: int
    """Hyperparameters that the builds have asked for so far."""
    seconds: float

    @property
    def line(self) -> str:
        """What the user is told."""
        return (
            f"NOTE: the HyperModel is built to find its hyperparameters: {counted(self.builds, 'build')} so far, "
            f"{self.found} found, in {show_seconds(self.seconds)}."
        )


def plain_parameter(parameter: Parameter) -> PlainParameter:
    """A parameter as plain values, which travel."""
    fields = {name: value for name, value in vars(parameter).items() if name != "when"}
    return type(parameter).__name__, {**fields, "when": dict(parameter.when)}


class TrainableApart:
    """Stands in for a trainable that the driver cannot import without TensorFlow; only its declaration is here."""

    def __init__(self, described: Described) -> None:
        self.__module__, self.__qualname__ = described.trainable
        self.declaration = described.declaration
        self.builds = described.builds
        """Whether the parameters were found by building a HyperModel, which may ask for more where nobody looked."""

    def __call__(self, config: object, trial: object) -> Any:
        """Never called: trials run in training processes, which run the space file themselves."""
        raise SearchError(f"{self.__module__}:{self.__qualname__} trains in a training process only.")


class SpaceProcess:
    """The process; ends with the driver, or when it is closed."""

    def __init__(self, space_file: object, *, explores: bool = True) -> None:
        """Start it; `explores`: whether it finds out what a HyperModel asks for before it answers."""
        self._output = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed with the process
        ours, theirs = socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "search.space.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **_QUIET, "PYTHONPATH": os.pathsep.join(filter(None, dict.fromkeys(_import_path())))},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()
        self._link = Connection(ours.detach())
        self._link.send((space_file, explores))

    def described(self, say: Callable[[str], None] = lambda line: None) -> Described:
        """What the space is, telling `say` how far it is; raises SearchError for what the file's author can mend."""
        with frameworks_unloaded():
            while isinstance(answer := self._hear(), Building):
                say(answer.line)
        assert isinstance(answer, Described)
        return answer

    def ask(self, answer: Callable[..., object]) -> Any:
        """One configuration from the function: while it asks back, `answer(*question)` is what it gets.

        What `answer` raises is raised in the function, which may handle it; else a SearchError tells its line.
        """
        self._tell("draw")
        while True:
            kind, *content = self._hear()
            if kind == "drawn":
                return content[0]
            try:
                self._tell(("answer", answer(*content)))
            except Exception as error:
                self._tell(("raise", error))

    def _tell(self, word: object) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # What is broken, the next reading tells.
            self._link.send(word)

    def _hear(self) -> Any:
        try:
            answer = self._link.recv()
        except (EOFError, ConnectionResetError, BrokenPipeError):
            raise SearchError(f"the process that reads the space file {self._end()}") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _end(self) -> str:
        code = self._process.wait()
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip().split("\n")[-1]
        return f"{f'was killed by signal {-code}' if code < 0 else f'ended with exit code {code}'}: {said}".rstrip(": ")

    def close(self) -> None:
        """End the process."""
        self._link.close()
        self._process.kill()
        self._process.wait()
        self._output.close()


_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
"""A build that is only looked at takes no GPU; without one to look for, TensorFlow prints no red line."""


def _import_path() -> Iterator[str]:
    yield from (str(Path(entry or ".").resolve()) for entry in sys.path if not entry.endswith(".zip"))


@dataclass(frozen=True)
class FunctionApart:
    """An Optuna define-by-run function that stays in its process."""

    process: SpaceProcess

    def __call__(self, trial: Any) -> Any:
        """What the function returns for the trial."""

        def answer(kind: str, name: str, words: Any = (), options: Mapping[str, Any] = MappingProxyType({})) -> object:
            value = getattr(trial, name)
            return value(*words, **options) if kind == "call" else value

        return self.process.ask(answer)


@dataclass(frozen=True)
class BuildApart:
    """A HyperModel whose hyperparameters no table can show: a build in its process tells those of each trial."""

    process: SpaceProcess
    pins: Mapping[str, object]

    def __call__(self, suggest: Callable[[str, Parameter], object]) -> dict[str, object]:
        """The configuration that a build asks for, with each value as suggested; the pinned ones are left out."""

        raised: list[Exception] = []

        def answer(name: str, plain: PlainParameter) -> object:
            try:
                return self.pins[name] if name in self.pins else suggest(name, made_of(plain))
            except Exception as error:
                raised.append(error)
                raise

        try:
            drawn: dict[str, object] = self.process.ask(answer)
        except SearchError:
            if raised:
                raise raised[0] from None
            raise
        return {name: value for name, value in drawn.items() if name not in self.pins}

    def pinned(self, name: str, value: object) -> BuildApart:
        """The same with one more value that is not searched."""
        return BuildApart(self.process, {**self.pins, name: value})


def made_of(plain: PlainParameter) -> Parameter:
    """The parameter of its plain values."""
    kind, fields = plain
    if kind == "Choice":
        return Choice(*fields["options"], when=fields["when"])
    return Float(**fields) if kind == "Float" else Int(**fields)
