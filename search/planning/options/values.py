"""Reads the value of an option from its word on the command line, and writes a setting as such a word."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from search.experiment.remote.store import ResultsPath, parse_results_path
from search.goals import MODES
from search.space.values import literal, text_of

LONGEST_NAME = 200
"""Bytes of an experiment's name: file systems hold 255 of a file's name, and a folder that is set aside has a moment
behind its own."""


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    """Read a whole number that numpy and TensorFlow take as a seed."""
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2147483647")
    return int(text)


def share(text: str) -> float:
    """Read a number of at least 0, like 0.5."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def real(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def name(text: str) -> str:
    """Read the name of an experiment, which becomes the name of its folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name; expected letters, digits, '.', '_', '+' and '-'")
    if len(text.encode()) > LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"a name of {len(text)} letters is more than a folder can have; expected {LONGEST_NAME} at most"
        )
    return text


def folder(text: str) -> Path:
    """Read a path, in which `~` is the home folder."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a folder; expected a path")
    return Path(text).expanduser()


def results(text: str) -> ResultsPath:
    """Read the folder of experiments: a path, or the address of a folder in an object store."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a folder; expected a path, or an address like s3://bucket/results")
    return parse_results_path(text)


def address(text: str) -> str:
    """Read where a Ray cluster is to be found: local, auto or HOST:PORT."""
    if text not in ("local", "auto") and not re.fullmatch(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address; expected local, auto or HOST:PORT")
    return text


def duration(text: str) -> float:
    """Read a time like 90s, 30m, 2h or 1d; return seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d)?", text)
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; expected one like 90s, 30m or 2h")
    if match[2] is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no unit; expected seconds like {text}s, minutes {text}m or hours {text}h"
        )
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def setting(text: str) -> tuple[str, object]:
    """Read KEY=VALUE; return the name and the value."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not a setting; expected KEY=VALUE")
    pinned = literal(value)
    if literal(text_of(pinned)) != pinned:
        # The manifest holds the text, from which a resumed search must read the same value.
        raise argparse.ArgumentTypeError(
            f"{text!r} is {pinned!r}, which no command line can hold; take a finite number"
        )
    return name, pinned


def objective(text: str) -> tuple[str, str]:
    """Read NAME:max or NAME:min; return the metric and the direction."""
    name, _, direction = text.rpartition(":")
    if not name or direction not in MODES:
        raise argparse.ArgumentTypeError(f"{text!r} is not an objective; expected one like val_accuracy:max")
    return name, direction


def constraint(text: str) -> tuple[str, str]:
    """Read a text like 'num_parameters<=1e6'; return the metric and the rest, as a space has it."""
    match = re.fullmatch(r"\s*([^\s<>=]+)\s*([<>]=\s*\S+)\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a constraint; expected one like 'num_parameters<=1e6'")
    return match[1], match[2]


def set_words(config: Mapping[str, object]) -> list[str]:
    """Return the words of a command line that pin a configuration; `parse` reads them back as the same values."""
    return [word for name, value in config.items() for word in ("--set", f"{name}={_word(value)}")]


def _word(value: object) -> str:
    if not isinstance(value, str):
        return text_of(value)
    return value if literal(value) == value else repr(value)  # What reads like a number or None keeps its quotes.


def one_set_each(words: Sequence[str]) -> Iterator[str]:
    """Yield the words with `--set a=1 b=2` as `--set a=1 --set b=2`; else argparse takes SPACE for one more pin."""
    in_set, before = False, ""
    for word in words:
        more = in_set and re.match(r"[A-Za-z_]\w*=", word) is not None
        if more and before != "--set":
            yield "--set"
        yield word
        in_set, before = more or word == "--set" or word.startswith("--set="), word
