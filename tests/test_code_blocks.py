"""Every code block of the pages is held: commands by the parsers that read them, spaces by loading them, calls by name.

Blocks that are run as they stand have their tests beside what they are about: test_readme, test_guides,
test_data_guide, trainables/test_settings_guide.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from search.space.loading import read_space, space_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_OTHERS = {"aws", "cd", "export", "for", "git", "sed"}
"""Programs whose words are not ours to check; all shell text is read by bash."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def shell_blocks(page: Path) -> list[str]:
    return [text for language, text in blocks(page) if not language]


def commands(text: str) -> Iterator[list[str]]:
    """The commands of shell text, word by word, with those that other commands are given in quotes."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        lexer = shlex.shlex(written_out(line), posix=True, punctuation_chars=True)
        lexer.wordchars += ":$@+%^{}[],!"
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word in ("&&", ";", "|", "do", "done"):
                yield from [command] if command else []
                command = []
            else:
                yield from commands(word) if " " in word and "python -m" in word else ()
                command.append(word)


def written_out(synopsis: str) -> str:
    """The longest command of a synopsis, with its first alternatives: RESULTS... [--format text|csv] [--top N]."""
    synopsis = re.sub(r"\$\w+", "1", synopsis.replace("COMMAND", "card"))
    if "..." not in synopsis and " [--" not in synopsis:
        return synopsis
    plain = re.sub(r"\.\.\.|\[,\w+\]|[\[\]]|(?<=\w)\|[\w|]+", "", synopsis)
    return re.sub(r"\bN\b", "1", plain.replace("KIND", "curves"))


class Parsed(BaseException):
    """The words of a command were taken by its parser."""


def check(module: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the parser of a command read its words; raises what it raises."""
    found = importlib.util.find_spec(module)
    assert found is not None, module
    program = importlib.import_module(f"{module}.__main__" if found.submodule_search_locations else module)
    command = getattr(program, "main", None) or getattr(program, module.rpartition(".")[2])
    real = argparse.ArgumentParser.parse_args

    def parse_only(parser: argparse.ArgumentParser, given: Sequence[str] | None = None) -> NoReturn:
        real(parser, given)
        raise Parsed

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [module, *words])
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
        with pytest.raises(Parsed):
            command()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_options_that_there_are(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in [one for text in shell_blocks(page) for one in commands(text)]:
        program, *words = command
        if re.search(r"python[\d.]*$", program) and words[:1] == ["-m"]:
            if words[1] not in ("pytest", "venv"):
                check(words[1], words[2:], monkeypatch)
        elif program == "ray":
            check_ray(words)
        elif program == "make":
            assert all(f"\n{word}:" in (ROOT / "Makefile").read_text() for word in words), command
        else:
            assert program.endswith("pip") or program in OF_OTHERS or "=" in program, (
                f"what is {command}? Output and trees are ```text"
            )
        assert not [word for word in words if re.fullmatch(r"spaces/\w+\.py", word) and not there(word)], command


def there(space: str) -> bool:
    return (ROOT / space).exists() or space == "spaces/mine.py"


def check_ray(words: Sequence[str]) -> None:
    """Let Ray's own parser read the words of a `ray` command, without doing it."""
    if words[0] in ("get-auth-token", "start", "up", "down", "exec", "rsync-down"):
        found = importlib.import_module("ray.scripts.scripts").cli.commands[words[0]]
        found.make_context(words[0], list(words[1:])).close()
    else:
        assert words[:2] == ["job", "submit"], words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_extras_that_are_named_are_declared(page: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for group in re.findall(r"(?:'\.|keras-search)\[([\w,]+)\]", page.read_text()):
        assert set(group.split(",")) <= extras.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_within_the_text_have_options_that_there_are(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE).replace("\n", " ")
    for module, rest in re.findall(r"`python -m ((?:search|analysis)[\w.]+)([^`]*)`", text):
        if module != "search.run" or "--help" not in rest:  # which ends the process
            check(module, shlex.split(written_out(rest)) or ["x"], monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_text_is_shell(page: Path) -> None:
    for text in shell_blocks(page):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_spaces_load(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(text for language, text in blocks(page) if language == "python"):
        # A program is run by test_readme, a space of a function by test_guides.
        if "space = Space(" in text and "parameters={" in text and "run_search(" not in text:
            file = tmp_path / f"space_{number}.py"
            file.write_text(text)
            space_of(read_space(str(file)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_calls_have_arguments_that_there_are(page: Path) -> None:
    for language, text in blocks(page):
        assert language in ("", "python", "text"), f"nothing holds blocks of {language}"
        if language == "python":
            tree = ast.parse(text)
            names = dict(ours(tree))
            for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
                if isinstance(call.func, ast.Name) and call.func.id in names:
                    given = {keyword.arg: None for keyword in call.keywords if keyword.arg}
                    inspect.signature(names[call.func.id]).bind(*call.args, **given)


def ours(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """What a block imports from this project, under its names there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("search", "analysis"):
            for alias in node.names:
                yield alias.asname or alias.name, getattr(importlib.import_module(node.module), alias.name)
