"""From the path of a space file to its Space, in the driver and, from the same text, in any other process."""

from __future__ import annotations

import ast
import hashlib
import linecache
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from search.errors import SearchError
from search.space import Space
from search.space.hypermodel import declare
from search.wording import did_you_mean


@dataclass(frozen=True)
class SpaceFile:
    """A space file as any process can run it: its text travels, its folders may differ from node to node."""

    path: str
    """Where the driver read it; tracebacks name it."""
    text: str

    @property
    def stem(self) -> str:
        """The file's name without `.py`, the default name of an experiment."""
        return Path(self.path).stem

    @property
    def sha256(self) -> str:
        """Digest of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def question(self) -> str:
        """First line of the file's docstring, empty where there is none."""
        return _docstring(self.text).strip().split("\n")[0]

    def execute(self) -> Space:
        """Run the text and return its `space`; raises SearchError with file and line for what its author can mend."""
        module = ModuleType(f"space_{self.sha256[:12]}")
        module.__file__ = self.path
        # Dataclasses and pickle look a module up by its name.
        sys.modules[module.__name__] = module
        folder = str(Path(self.path).parent)
        if folder not in sys.path:
            sys.path.append(folder)  # So that a space may import its neighbours; last, so that it hides nothing.
        lines = self.text.splitlines(keepends=True)
        linecache.cache[self.path] = (len(self.text), None, lines, self.path)
        try:
            exec(compile(self.text, self.path, "exec"), module.__dict__)
        except SyntaxError as error:
            where = f"{error.filename or self.path}, line {error.lineno}"
            raise SearchError(f"{where} is no Python: {error.msg}. Mend that line.") from None
        except SearchError as error:
            raise SearchError(f"{self._where(error)}: {error}") from None
        except (Exception, SystemExit) as error:
            text = f"{type(error).__name__}: {error}".rstrip(": ")
            raise SearchError(f"{self._where(error)}: {text}{_origin(error, self.path)}") from error
        return self._space_of(module)

    def _space_of(self, module: ModuleType) -> Space:
        space = getattr(module, "space", None)
        if isinstance(space, Space):
            return space
        if space is not None:
            raise SearchError(f"`space` in {self.path} is {space!r}; expected a search.space.Space.")
        near = [name for name, value in vars(module).items() if isinstance(value, Space)]
        hint = f" `{near[0]}` is one: rename it." if near else ""
        raise SearchError(f"{self.path} has no `space`; expected `space = Space(...)`.{hint}")

    def _where(self, error: BaseException) -> str:
        """File and line in the space file where an error arose."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename == self.path:
                return f"{self.path}, line {frame.lineno}"
        return self.path


def _origin(error: BaseException, path: str) -> str:
    """Where the error arose, if that is in another file of the user's own, which the space file imports."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    theirs = last.filename != path and last.filename.endswith(".py") and "site-packages" not in last.filename
    return f" (in {last.filename}, line {last.lineno})" if theirs else ""


def _docstring(text: str) -> str:
    try:
        return ast.get_docstring(ast.parse(text)) or ""
    except SyntaxError:
        return ""


def read_space(path: str) -> SpaceFile:
    """Read a space file; raises SearchError naming the space files that there are."""
    file = Path(path)
    if file.is_dir():
        raise SearchError(f"{path} is a folder; expected a space file. {_expected(file)}")
    if file.suffix == ".ipynb" and file.is_file():
        raise SearchError(
            f"{path} is a notebook; expected a Python file. Write one from it: "
            f"jupyter nbconvert --to script {path}, and leave in it what `space` needs."
        )
    try:
        return SpaceFile(str(file.resolve()), file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise SearchError(f"no space file at {path}. {_expected(file.parent, file.name)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SearchError(f"{path} cannot be read: {error}. Expected a Python file.") from None


def _expected(folder: Path, name: str = "") -> str:
    """The space files of the folder, else of spaces/, only the near ones if there are any."""
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


def load_space(path: str) -> tuple[SpaceFile, Space]:
    """Read and run a space file; a HyperModel in it is turned into declared parameters, which workers do not need."""
    space_file = read_space(path)
    return space_file, declare(space_file.execute())
