"""The shape of the project, read from its own files: who may import whom, what is called how, how long a file gets."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "trainables", "analysis", "spaces")
FOLDERS = (*PACKAGES, "benchmarks", "tests")

LAYERS = (
    {"run"},
    {"tuning"},
    {"planning", "dry_run", "listing", "summary"},
    {"resuming"},
    {"progress", "provenance", "smoke"},
    {"plan", "options", "snapshot"},
    {"loading", "resources", "address"},
    {"sampling", "stopping", "hypermodel"},
    {"experiment", "fidelity"},
    {"space"},
    {"per_trial"},
    {"parameters", "pinned_function"},
    {"errors"},
)
"""The parts of search/, from the top down: each imports only parts that stand below its own line."""

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "v2", "legacy", "misc"}
LINES = 300
LONGER = {
    "search/tuning/ledger.py": 348,  # one book: what is in it must agree at every moment
    "tests/test_ledger.py": 350,
}
"""File -> lines, for the few that may be longer."""


@dataclass(frozen=True)
class Import:
    """One import statement's target: `module`, or `module.name` where a name of ours is a module itself."""

    file: Path
    line: int
    module: str
    inside: bool
    """Within a function."""

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sources(*FOLDERS)}


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    within = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import; expected the full name"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [name if name in MODULES else str(node.module) for name in whole]
        else:
            continue
        for target in targets:
            yield Import(path, node.lineno, target, id(node) in within)


def imports_of(*folders: str) -> list[Import]:
    return [found for path in sources(*folders) for found in imports(path)]


def first(module: str) -> str:
    return module.partition(".")[0]


def layer(module: str) -> int:
    part = module.split(".")[1]
    places = [i for i, parts in enumerate(LAYERS) if part in parts]
    assert places, f"search.{part} has no place in the picture of docs/architecture.md: give it one in LAYERS"
    return places[0]


def test_search_imports_point_down() -> None:
    own = [i for i in imports_of("search") if first(i.module) == "search"]
    upward = [
        str(i)
        for i in own
        if i.module.split(".")[1:2] != module_name(i.file).split(".")[1:2]
        and layer(i.module) <= layer(module_name(i.file))
    ]
    assert own
    assert not upward


def test_every_part_of_search_has_a_place_in_the_picture() -> None:
    assert all(layer(name) >= 0 for name in MODULES if name.startswith("search."))


def test_no_import_goes_in_a_circle() -> None:
    graph = {
        name: {i.module for i in imports(path) if i.module in MODULES and i.module != name}
        for name, path in MODULES.items()
    }
    assert list(TopologicalSorter(graph).static_order())  # Raises CycleError, which names the circle.


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("ray", r"search/tuning/"),
        ("optuna", r"search/sampling|analysis/importance\.py"),
        ("tensorflow", r"trainables/"),
        ("keras", r"trainables/"),
    ],
)
def test_only_one_part_knows_the_library(library: str, allowed: str) -> None:
    users = [i for i in imports_of(*PACKAGES) if first(i.module) == library]
    strangers = [str(i) for i in users if not re.match(allowed, str(i.file.relative_to(ROOT)))]
    assert not strangers


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("search", r"search|trainables\.(trial|errors)$"),
        ("trainables", r"trainables"),
        ("analysis", r"analysis|search\.(experiment|space|errors)"),
        ("spaces", r"spaces|search\.space$|trainables"),
    ],
)
def test_a_package_imports_of_ours_only_what_the_picture_shows(folder: str, allowed: str) -> None:
    others = [str(i) for i in imports_of(folder) if first(i.module) in FOLDERS and not re.match(allowed, i.module)]
    assert not others


def test_space_file_module_stands_on_the_standard_library_alone() -> None:
    files = [MODULES[name] for name in ("search.space", "search.per_trial", "search.parameters", "search.errors")]
    foreign = [str(i) for f in files for i in imports(f) if first(i.module) not in sys.stdlib_module_names | {"search"}]
    assert not foreign


def reason(found: Import) -> str:
    """The comment on an import's own line, or the one that leads the imports it stands among."""
    lines = found.file.read_text().splitlines()[: found.line]
    while lines:
        line = lines.pop().strip()
        comment = re.sub(r"noqa: ?[A-Z]+[0-9]+|type: ignore\S*", "", line.partition("#")[2])
        if re.search(r"\w+ \w+", comment) or not line.startswith(("import ", "from ")):
            return comment
    return ""


def test_an_import_inside_a_function_says_why() -> None:
    assert [str(i) for i in imports_of(*PACKAGES) if i.inside and not re.search(r"\w+ \w+", reason(i))] == []


def test_no_module_is_a_drawer_for_everything() -> None:
    parts = {part: path for path in sources(*FOLDERS) for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not BANNED_NAMES & parts.keys()


def test_no_file_grows_past_its_limit() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources(*FOLDERS)}
    assert {name: length for name, length in lengths.items() if length > LONGER.get(name, LINES)} == {}


def requirement(text: str) -> str:
    return re.split(r"[\[<>=~! ;]", text)[0].lower().replace("_", "-")


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {requirement(text) for text in project["dependencies"]}
    extras = {requirement(text) for extra in project["optional-dependencies"].values() for text in extra}
    known = packages_distributions()
    undeclared = []
    for found in imports_of(*FOLDERS):
        name = first(found.module)
        if name in sys.stdlib_module_names or name in FOLDERS:
            continue
        names = {requirement(distribution) for distribution in known.get(name, [name])}
        # An extra may be missing on a user's machine, so the packages import one inside a function only.
        allowed = declared | (extras if found.inside or first(module_name(found.file)) not in PACKAGES else set())
        if not names & allowed:
            undeclared.append(str(found))
    assert not undeclared


def test_driver_and_space_files_leave_tensorflow_alone() -> None:
    modules = [name for name in MODULES if name == "search.run" or first(name) == "spaces"]
    code = f"""
import importlib, sys
for module in {modules!r}:
    importlib.import_module(module)
print({{"tensorflow", "keras"}} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "set()", done.stderr
