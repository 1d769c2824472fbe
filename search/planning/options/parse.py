"""Parses the words of a command line into `Options`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from importlib import metadata
from typing import Any, get_type_hints

from search.errors import SearchError
from search.parsing import Parser, answer_shell
from search.planning.options.fields import Options
from search.planning.options.values import one_set_each

HELP = {"-h", "--help"}


def parse(words: Sequence[str]) -> Options:
    """Return the options that the words of a command line give; raises SearchError."""
    given = vars(answer_shell(_parser()).parse_args(list(one_set_each(words))))
    flags = {"pins": "--set", "objectives": "--objective", "constraints": "--constraint"}
    several: dict[str, object] = {name: _by_name(flag, given[name] or ()) for name, flag in flags.items()}
    several |= {name: tuple(dict.fromkeys(given[name] or ())) for name in ("warm_start", "log")}
    options = Options(**{**given, "space": given["space"] or "", **several})
    if not options.space and not options.list_experiments:
        raise SearchError("no space file is given; expected one, like `python -m search.run spaces/mnist_filters.py`.")
    if options.retry_failed and not options.resume:
        raise SearchError("--retry-failed runs the failed trials of an earlier search again; give --resume with it.")
    return options


def _by_name(flag: str, given: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return what an option gives each name; raises SearchError where it gives one name two values."""
    found: dict[str, object] = {}
    for name, value in given:
        if name in found and repr(found[name]) != repr(value):
            raise SearchError(f"{flag} gives {name} both {found[name]} and {value}; expected one of them.")
        found[name] = value
    return found


def help_of(words: Sequence[str]) -> tuple[str, str]:
    """The text of `--help`, and the space file that a command line with it names; empty where it names none."""
    parser = _parser()
    given = parser.parse_known_args(list(one_set_each([word for word in words if word not in HELP])))[0]
    return parser.format_help(), given.space or ""


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m search.run",
        description="Search the space of a space file; results go to RESULTS/NAME.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "space",
        nargs="?",
        metavar="SPACE",
        help="path of a space file, like spaces/mnist_filters.py, or FILE:NAME of a function build(hp)",
    )
    groups: dict[str, Any] = {}
    hints = get_type_hints(Options, include_extras=True)
    for option in dataclasses.fields(Options):
        for how in map(dict, getattr(hints[option.name], "__metadata__", ())):
            title, flag = how.pop("group"), how.pop("flag")
            groups[title] = groups.get(title) or parser.add_argument_group(title)
            default = None if option.default is dataclasses.MISSING else option.default
            groups[title].add_argument(flag, dest=option.name, default=default, **how)
    version = f"keras-search {metadata.version('keras-search')}"
    groups[title].add_argument("--version", action="version", version=version)
    return parser
