"""Reads from its study's journal the ranges that a define-by-run space searched, which no manifest can declare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from search.experiment.existing import JOURNAL

_KINDS = {"FloatDistribution": "Float", "IntDistribution": "Int"}


def searched_ranges(files: pafs.FileSystem, root: str) -> dict[str, dict[str, Any]]:
    """Return each parameter as a manifest declares one (`kind, low, high, log` or `kind, options`), in order of asking.

    A range that differed from trial to trial is given as the whole that was covered. The result is empty where there is
    no journal, or where its lines are of another kind.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, kind, attributes in _distributions(files, root):
        if kind == "CategoricalDistribution":
            options = found.setdefault(name, {"kind": "Choice", "options": []})["options"]
            options += [text for text in map(str, attributes.get("choices") or ()) if text not in options]
        elif kind in _KINDS and {"low", "high"} <= attributes.keys():
            low, high = float(attributes["low"]), float(attributes["high"])
            entry = found.setdefault(name, {"kind": _KINDS[kind], "low": low, "high": high, "log": True})
            entry.update(low=min(low, entry.get("low", low)), high=max(high, entry.get("high", high)))
            entry["log"] = bool(entry.get("log")) and bool(attributes.get("log"))
    return found


def _distributions(files: pafs.FileSystem, root: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield name, kind and attributes of every distribution, each of its texts only once."""
    seen = set()
    for line in _lines(files, root):
        for name, text in line.items():
            if (name, text) in seen or not isinstance(text, str):
                continue
            seen.add((name, text))
            try:
                told = json.loads(text)
                yield str(name), str(told["name"]), dict(told["attributes"])
            except (ValueError, TypeError, KeyError):
                continue


def _lines(files: pafs.FileSystem, root: str) -> Iterator[Mapping[str, object]]:
    try:
        with files.open_input_file(f"{root}/{JOURNAL}") as stored:
            lines = bytes(stored.read()).splitlines()
    except (OSError, pa.ArrowException):
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # Half a line is left by a driver that is writing or was killed.
            continue
        distributions = entry.get("distributions") if isinstance(entry, dict) else None
        if isinstance(distributions, dict):
            yield distributions
