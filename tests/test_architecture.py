"""The shape of the project, read from its own files: who may import whom, what is called how, how long a file gets."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from search.cluster.worker import resources_of
from tests.support.picture import FILES_IN_A_ROOM, LAYERS, ORDER_INSIDE, ORDERED

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "trainables", "analysis", "spaces")
FOLDERS = (*PACKAGES, "benchmarks", "tests")

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "v2", "legacy", "misc"}
LINES = 300
LONGER: dict[str, int] = {}
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


@functools.cache
def imports(path: Path) -> tuple[Import, ...]:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    within = {id(node) for function in functions for node in ast.walk(function)}
    return tuple(
        Import(path, node.lineno, target, id(node) in within)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in targets(path, node)
    )


def targets(path: Path, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert not node.level, f"{path}:{node.lineno}: a relative import; expected the full name"
    whole = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in MODULES else str(node.module) for name in whole]


def imports_of(*folders: str) -> list[Import]:
    return [found for path in sources(*folders) for found in imports(path)]


def first(module: str) -> str:
    return module.partition(".")[0]


def layer(module: str) -> int:
    part = module.removeprefix("search").removeprefix(".").partition(".")[0]
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


def test_the_picture_in_words_names_files_and_folders_that_there_are() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)`", told))
    roots = [ROOT, ROOT / "search", ROOT / "trainables"]
    assert len(named) > 20
    assert not [name for name in named if not any((r / name).exists() or (r / f"{name}.py").exists() for r in roots)]
    folders = {path.parent.name for path in sources("search", "trainables") if path.name == "__init__.py"}
    inside = {"arrays", "containers", "photos"}  # Of the data sets' room, which has a page of its own.
    assert not [name for name in folders - inside if f"{name}/" not in told]


def test_every_part_of_search_has_a_place_in_the_picture() -> None:
    assert all(layer(name) >= 0 for name in MODULES if name.startswith("search."))


@pytest.mark.parametrize("room", ORDER_INSIDE)
def test_imports_inside_a_room_point_down(room: str) -> None:
    order = ORDER_INSIDE[room].split()
    inside = room.count(".") + 1
    upward = []
    for found in imports_of(room.replace(".", "/")):
        parts = module_name(found.file).split(".")[inside:]
        target = found.module.split(".")
        if not parts or ".".join(target[:inside]) != room or len(target) == inside:
            continue  # The room's own door, or an import of another room.
        if parts[0] != target[inside] and order.index(parts[0]) >= order.index(target[inside]):
            upward.append(str(found))
    assert not upward


def test_every_room_says_in_which_order_its_files_stand() -> None:
    rooms = [path.parent for path in sources(*ORDERED) if path.name == "__init__.py" and path.parent != ROOT / "search"]
    found = {
        ".".join(folder.relative_to(ROOT).parts): {
            path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        for folder in rooms
    }
    assert {name: files - {"__init__"} for name, files in found.items()} == {
        room: set(order.split()) for room, order in ORDER_INSIDE.items()
    }


def test_no_room_is_a_corridor() -> None:
    files = {room: list((ROOT / room.replace(".", "/")).glob("*.py")) for room in ORDER_INSIDE}
    assert [room for room, found in files.items() if len(found) - 1 > FILES_IN_A_ROOM] == []


def test_no_test_is_a_library_for_another() -> None:
    assert [str(i) for i in imports_of("tests", "benchmarks") if re.match(r"tests\..*\btest_", i.module)] == []


def test_no_import_goes_in_a_circle() -> None:
    graph = {
        name: {i.module for i in imports(path) if i.module in MODULES and i.module != name}
        for name, path in MODULES.items()
    }
    assert list(TopologicalSorter(graph).static_order())  # Raises CycleError, which names the circle.


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("ray", r"search/cluster/"),
        ("optuna", r"search/sampling|analysis/numbers/importance\.py"),
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
        ("search", r"search|trainables\.(trial|errors)$|trainables\.finished\."),
        ("trainables", r"trainables"),
        ("analysis", r"analysis|search\.(experiment|space|goals|parsing|errors|wording)"),
        ("spaces", r"spaces|search\.space$|trainables"),
    ],
)
def test_a_package_imports_of_ours_only_what_the_picture_shows(folder: str, allowed: str) -> None:
    others = [str(i) for i in imports_of(folder) if first(i.module) in FOLDERS and not re.match(allowed, i.module)]
    assert not others


def test_space_file_module_stands_on_the_standard_library_alone() -> None:
    files = [
        MODULES[name] for name in ("search.space", "search.space.per_trial", "search.space.parameters", "search.errors")
    ]
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


def loaded_by(*modules: str) -> set[str]:
    """What is loaded in a new process that imports the modules."""
    code = f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_training_process_loads_neither_ray_nor_optuna_nor_what_writes_tables() -> None:
    strangers = {"ray", "optuna", "pandas", "search.cluster", "search.driver", "search.experiment.folder"}
    assert not loaded_by("search.trial.child") & (strangers | {"search.experiment.parts"})


def test_a_worker_loads_nothing_that_only_the_driver_needs() -> None:
    driver = {"optuna", "scipy", "search.driver", "search.sampling", "search.cluster.execution"}
    loaded = loaded_by("search.cluster.worker")
    assert not loaded & driver
    assert resources_of.__module__ in loaded  # Ray sends functions by the name of their module.


def test_a_search_begins_without_scipy() -> None:
    assert "scipy" not in loaded_by("search.run", "search.driver.workers.dispatch")


def test_what_decides_loads_no_ray() -> None:
    below = [name for name in MODULES if re.match(r"search\.(?!cluster|run|from_python|carry_out)", name)]
    assert not loaded_by(*below) & {"ray", "tensorflow", "keras"}


def test_driver_and_space_files_leave_tensorflow_alone() -> None:
    modules = [name for name in MODULES if name in ("search.run", "search.from_python") or first(name) == "spaces"]
    assert not loaded_by(*modules) & {"tensorflow", "keras"}
