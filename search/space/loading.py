"""From the path of a space file to its Space, in the driver and, from the same text, in any other process."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib
import linecache
import pickle
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from search.errors import SearchError
from search.space import Space
from search.space.building.hypermodel import is_build
from search.space.building.space_process import BuildApart, FunctionApart, SpaceProcess, TrainableApart, made_of
from search.space.unloaded import FrameworkNeeded, frameworks_unloaded
from search.space.values import foreign
from search.space.written import check_written
from search.wording import did_you_mean, error_text, users_line

SPACE = "space"
"""The name of the Space in a space file."""
MODULE = "space_file_"
"""What the name of a space file's module begins with."""
TRIALS = 10
"""Trials of a search without a space file, as KerasTuner has them by default."""
DEFAULT_TRAINABLE = "trainables.hypermodel:train_hypermodel"
"""Makes a trainable of what builds a model; found by its name, so that nothing here knows of image classifiers."""


@dataclass(frozen=True)
class SpaceFile:
    """A space file as any process can run it: its text travels, its folders may differ from node to node."""

    path: str
    """Where the driver read it; tracebacks name it."""
    text: str
    name: str = SPACE
    """The name in it of what is searched: a Space, or a HyperModel or a `build` function, which make one."""
    packed: bytes = b""
    """What is searched, by cloudpickle, where Python gave an object and no file; the text is then only a record."""

    @property
    def stem(self) -> str:
        """The default name of an experiment: the file's name without `.py`, and the name in it where one is given."""
        return Path(self.path).stem + ("" if self.name == SPACE else f"-{self.name}")

    @property
    def address(self) -> str:
        """How a command line names it."""
        return self.path if self.name == SPACE else f"{self.path}:{self.name}"

    @property
    def sha256(self) -> str:
        """The SHA-256 digest of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def question(self) -> str:
        """The first line of the file's docstring, an empty text where there is none."""
        return _docstring(self.text).strip().split("\n")[0]

    def execute(self) -> Space:
        """Run the text and return its space, which has a trainable; raises SearchError with file and line.

        Where a model is all that is given, the trainable trains that: see `DEFAULT_TRAINABLE`.
        """
        return with_trainable(self.run())

    def run(self) -> Space:
        """As `execute`, but for the trainable, which may be missing where `parameters` is no dict."""
        if self.packed:
            return self._made(self._unpacked())
        module = ModuleType(f"{MODULE}{self.sha256[:12]}")
        module.__file__ = self.path
        # Dataclasses and pickle look a module up by its name.
        sys.modules[module.__name__] = module
        folder = str(Path(self.path).parent)
        if folder not in sys.path:
            sys.path.append(folder)  # So that a space may import its neighbours; last, so that it hides nothing.
            _added.add(folder)
        lines = self.text.splitlines(keepends=True)
        linecache.cache[self.path] = (len(self.text), None, lines, self.path)
        try:
            check_written(self.path, self.text)
            exec(compile(self.text, self.path, "exec"), module.__dict__)
        except SyntaxError as error:
            where = error.filename or self.path
            where += "" if error.lineno is None else f", line {error.lineno}"  # A null byte is in no line.
            raise SearchError(f"{where} is not Python: {error.msg}. Mend it.") from None
        except (Exception, SystemExit) as error:
            raise self.line_of(error) from error
        space = self._space_of(module)
        self._check_values(space)
        return space

    def _unpacked(self) -> Any:
        try:
            return pickle.loads(self.packed)
        except ImportError as error:
            raise SearchError(
                f"the space needs a module that is not here: {error}. Expected one that is installed, or lies in the "
                "folder of the search; define what it gives beside the space."
            ) from error

    def line_of(self, error: BaseException) -> SearchError:
        """The error in one line: file and line in the space file, what, and where else if in another file of theirs."""
        where = users_line(error, self.path) or self.path
        if isinstance(error, SearchError):
            return SearchError(f"{where}: {error}")
        return SearchError(f"{where}: {error_text(error)}{_origin(error, self.path)}")

    def _check_values(self, space: Space) -> None:
        """Raise SearchError for a value that no process but the training's own would know."""
        options = (
            {name: getattr(one, "options", ()) for name, one in space.parameters.items()} if space.declared else {}
        )
        for name, values in {**options, **{name: (value,) for name, value in space.fixed.items()}}.items():
            found = foreign(values, _is_of_training_alone)
            if found is not None:
                raise SearchError(
                    f"{self.path}: {name!r} may be {found!r}, which is made of a class or function of the space file, "
                    "or of a module beside it; expected values that any process knows. Give names or numbers, and make "
                    "it in the trainable."
                )

    def _space_of(self, module: ModuleType) -> Space:
        value = getattr(module, self.name, None)
        if isinstance(value, Space):
            return value
        if value is None:
            raise SearchError(f"{self.path} has no `{self.name}`; {_expected_in(module, self.name)}")
        if self.name == SPACE:
            raise SearchError(f"`space` in {self.path} is {value!r}; expected a search.space.Space.")
        return self._made(value)

    def _made(self, value: Any) -> Space:
        """A Space as it is, and one of what builds a model."""
        if isinstance(value, Space):
            return value
        try:
            return Space(parameters=value, trials=TRIALS)
        except SearchError as error:
            raise SearchError(f"{self.address}: {error}") from None


_added: set[str] = set()
"""Folders of space files that are on the path of imports for their sake alone."""


def _is_of_training_alone(module: str) -> bool:
    """Return whether only processes that run the space file can import a module of this name."""
    if module.startswith(MODULE):
        return True
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None or not any(Path(file).is_relative_to(folder) for folder in _added):
        return False
    elsewhere = [entry for entry in sys.path if entry not in _added]
    return not any(
        PathFinder.find_spec(top, elsewhere) if finder is PathFinder else finder.find_spec(top, None)
        for finder in sys.meta_path  # A package that is installed in place has a finder of its own.
    )


def _expected_in(module: ModuleType, name: str) -> str:
    """Return what a space file should have, and what in this one comes near to it."""
    found = {other: value for other, value in vars(module).items() if not other.startswith("_")}
    if name != SPACE:
        return f"expected a HyperModel or a function build(hp). {did_you_mean(name, found)}"
    near = [other for other, value in found.items() if isinstance(value, Space)]
    builds = [other for other, value in found.items() if other.startswith("build") and callable(value)]
    hint = f" `{near[0]}` is one: rename it." if near else ""
    hint = f" A search needs none to build models: FILE:{builds[0]}." if builds and not near else hint
    return f"expected `space = Space(...)`.{hint}"


def with_trainable(space: Space) -> Space:
    """Return the space with the default trainable where it has none, and a model is built in place of parameters."""
    if space.trainable is not None:
        return space
    module, _, name = DEFAULT_TRAINABLE.partition(":")
    make = getattr(importlib.import_module(module), name)
    return dataclasses.replace(space, trainable=make(space.parameters))


def _origin(error: BaseException, path: str) -> str:
    """Return where the error arose, if that is in a file of the user's own that the space file imports."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    theirs = last.filename != path and last.filename.endswith(".py") and "site-packages" not in last.filename
    return f" (in {last.filename}, line {last.lineno})" if theirs else ""


def _docstring(text: str) -> str:
    try:
        return ast.get_docstring(ast.parse(text)) or ""
    except SyntaxError:
        return ""


def read_space(path: str) -> SpaceFile:
    """Read a space file, `FILE` or `FILE:NAME`; raises SearchError naming the space files that there are."""
    path, _, name = path.rpartition(":") if re.search(r"\.py:[A-Za-z_]\w*$", path) else (path, "", SPACE)
    file = Path(path)
    if file.is_dir():
        raise SearchError(f"{path} is a folder; expected a space file. {_expected(file)}")
    if file.suffix == ".ipynb" and file.is_file():
        raise SearchError(
            f"{path} is a notebook; expected a Python file. Write one from it: "
            f"jupyter nbconvert --to script {path}, and leave in it what `space` needs."
        )
    try:
        return SpaceFile(str(file.resolve()), file.read_text(encoding="utf-8-sig"), name)
    except (FileNotFoundError, NotADirectoryError):
        raise SearchError(f"no space file at {path}. {_expected(file.parent, file.name)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SearchError(f"{path} cannot be read: {error}. Expected a Python file in UTF-8.") from None


def _expected(folder: Path, name: str = "") -> str:
    """Return the space files of the folder, else of spaces/, or only the near ones if there are any."""
    for where in (folder, Path("spaces")):
        names = [file.name for file in where.glob("*.py") if _has_space(file)]
        if names:
            return did_you_mean(name, names, prefix=f"{where}/")
    return "There is no space file in that folder."


def _has_space(file: Path) -> bool:
    try:
        return re.search(r"^space\b.*=", file.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def space_of(space_file: SpaceFile, say: Callable[[str], None] = lambda line: None) -> Space:
    """Run a space file; raises SearchError. `say` is told what to know beforehand.

    What a HyperModel asks for becomes declared parameters. Where the file imports TensorFlow, or a model must be built
    for this, it is done in a process apart, and the driver has the plain values.
    """
    try:
        with frameworks_unloaded():
            space = space_file.run()
            builds = not space.declared and is_build(space.parameters)
            if not builds:
                return _checked(space)
    except FrameworkNeeded:
        pass
    return _checked(_space_apart(space_file, say))


def builds_of(space_file: SpaceFile, fixed: Mapping[str, object]) -> BuildApart:
    """The builds of a space file's HyperModel, in a process apart: each tells what one configuration has."""
    process = SpaceProcess(space_file, explores=False)
    process.described()
    return BuildApart(process, dict(fixed))


def _checked(space: Space) -> Space:
    """Return the space, whose parameters are known now; raises SearchError for what is missing."""
    if space.trainable is None:
        raise SearchError("the space has no trainable; expected trainable=, a generator `train(config, trial)`.")
    if not space.declared and space.trials is None:
        raise SearchError("trials is not given, and the space has no finite grid; expected trials=N, like trials=40.")
    return space


def _space_apart(space_file: SpaceFile, say: Callable[[str], None]) -> Space:
    process = SpaceProcess(space_file)
    try:
        described = process.described(say)
    except SearchError:
        process.close()
        raise
    for note in described.notes:
        say(note)
    try:
        trainable: Any = TrainableApart(described)
    except (FrameworkNeeded, ImportError, AttributeError):
        trainable = space_file.execute().trainable  # What it declares needs TensorFlow itself: the driver pays for it.
    if described.parameters is not None:
        process.close()
        parameters: Any = {name: made_of(plain) for name, plain in described.parameters.items()}
    else:
        parameters = BuildApart(process, {}) if described.builds else FunctionApart(process)
    values = {**described.values, "fixed": {}}
    space = Space(trainable=trainable, parameters=parameters, **values)
    for name, value in described.values["fixed"].items():
        space = space.pin(name, value)
    return space
