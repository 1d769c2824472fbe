"""Reads the manifest of an experiment as typed values once; what is missing or wrong is named and not fatal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MANIFEST = "manifest.json"
MODES = ("max", "min")


@dataclass(frozen=True)
class SpaceEntry:
    """What was searched. Texts are empty where the manifest does not say."""

    metric: str
    mode: str
    file: str
    sha256: str
    trainable: str
    parameters: Mapping[str, Mapping[str, Any]]
    """Parameters by name, each with `kind`, `low, high, log, step` or `options`, and `when`; only complete entries."""
    fixed: Mapping[str, object]
    objectives: Mapping[str, str]
    """Direction of each of several objectives; empty where the metric is the only one."""
    constraints: Mapping[str, str]


@dataclass(frozen=True)
class DatasetEntry:
    """The data on which trials trained; numbers of images count whole splits, or are 0 where nothing is said."""

    name: str
    asked: str
    source: str
    fingerprint: str
    num_train: int
    num_validation: int
    num_test: int
    class_names: tuple[str, ...]
    class_counts: Mapping[str, tuple[int, ...]]
    """Number of images of each class, by split; all splits list the same classes."""


@dataclass(frozen=True)
class Manifest:
    """The command, code, data and machine with which an experiment was made."""

    question: str
    state: str
    created_at: str
    command: tuple[str, ...]
    space: SpaceEntry
    dataset: DatasetEntry | None
    options: Mapping[str, object]
    pins: Mapping[str, str]
    """Settings that were pinned on the command line, by `--set`."""
    versions: Mapping[str, object]
    hardware: Mapping[str, object]
    git: Mapping[str, object]
    stored: Mapping[str, object]
    """The JSON object as it was."""
    wrong: tuple[str, ...]
    """Sentences on what was missing or of another type; a default stands in its place."""


class _Entries:
    """Takes entries of one object of the manifest by their type, and notes what is wrong."""

    def __init__(self, entries: Mapping[str, Any], place: str, wrong: list[str]) -> None:
        self._entries, self._place, self._wrong = entries, place, wrong

    def _take(self, name: str, fits: Callable[[Any], bool], expected: str, default: Any, needed: bool) -> Any:
        value = self._entries.get(name)
        place = f"{self._place}{name}"
        if value is None:
            if needed:
                self._wrong.append(f"{MANIFEST} has no {place}; expected {expected}, {_stead(default)}")
            return default
        if not fits(value):
            self._wrong.append(f"{MANIFEST}: {place} is {_short(value)}; expected {expected}, {_stead(default)}")
            return default
        return value

    def text(self, name: str, default: str = "", needed: bool = False, of: Sequence[str] = ()) -> str:
        def fits(value: Any) -> bool:
            return isinstance(value, str) and (bool(value) or not default) and (not of or value in of)

        return str(self._take(name, fits, " or ".join(of) or "text", default, needed))

    def whole(self, name: str) -> int:
        return int(self._take(name, _is_count, "a whole number", 0, needed=False))

    def mapping(self, name: str, needed: bool = False) -> dict[str, Any]:
        return dict(self._take(name, lambda v: isinstance(v, Mapping), "an object", {}, needed))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(map(str, self._take(name, lambda v: isinstance(v, list), "a list", [], needed=False)))

    def inside(self, name: str, needed: bool = False) -> _Entries:
        return _Entries(self.mapping(name, needed), f"{self._place}{name}.", self._wrong)


def moment(text: object) -> datetime | None:
    """Return a moment that a manifest tells, in UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _stead(default: object) -> str:
    return f"and {default} is assumed" if default else "and it is left out"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:38]}…"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def read_manifest(stored: Mapping[str, Any]) -> Manifest:
    """Return the typed value of a stored manifest. Raises nothing."""
    wrong: list[str] = []
    entries = _Entries(stored, "", wrong)
    asked = entries.inside("asked").mapping("set")
    return Manifest(
        question=entries.text("question"),
        state=entries.text("state", "not known", needed=True),
        created_at=entries.text("created_at", "at an unknown time"),
        command=entries.texts("command"),
        space=_space(entries.inside("space", needed=True), wrong),
        dataset=_dataset(entries.inside("dataset"), wrong) if stored.get("dataset") else None,
        options=entries.mapping("options"),
        pins={str(name): str(value) for name, value in asked.items()},
        versions=entries.mapping("versions"),
        hardware=entries.mapping("hardware"),
        git=entries.mapping("git"),
        stored=stored,
        wrong=tuple(wrong),
    )


def _space(entries: _Entries, wrong: list[str]) -> SpaceEntry:
    declared = entries.mapping("parameters")
    whole = {name: entry for name, entry in declared.items() if _is_parameter(entry)}
    wrong += [
        f"{MANIFEST}: space.parameters.{name} is {_short(declared[name])}; expected a Float, Int or Choice, and its "
        "values are taken as they are"
        for name in declared.keys() - whole.keys()
    ]
    return SpaceEntry(
        metric=entries.text("metric", "val_accuracy", needed=True),
        mode=entries.text("mode", "max", needed=True, of=MODES),
        file=entries.text("file"),
        sha256=entries.text("sha256"),
        trainable=entries.text("trainable"),
        parameters=whole,
        fixed=entries.mapping("fixed"),
        objectives={name: mode for name, mode in entries.mapping("objectives").items() if mode in MODES},
        constraints={name: str(text) for name, text in entries.mapping("constraints").items()},
    )


def _is_parameter(entry: object) -> bool:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("when") or {}, Mapping):
        return False
    if not all(isinstance(values, list) for values in (entry.get("when") or {}).values()):
        return False
    if entry.get("kind") == "Choice":
        options = entry.get("options")
        return isinstance(options, list) and all(isinstance(option, str) for option in options)
    ends = [entry.get("low"), entry.get("high")]
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) and abs(end) < 1e300 for end in ends)
    return entry.get("kind") in ("Float", "Int") and numbers and isinstance(entry.get("log", False), bool)


def _dataset(entries: _Entries, wrong: list[str]) -> DatasetEntry:
    names = entries.texts("class_names")
    return DatasetEntry(
        name=entries.text("name", "not known"),
        asked=entries.text("asked"),
        source=entries.text("source"),
        fingerprint=entries.text("fingerprint"),
        num_train=entries.whole("num_train"),
        num_validation=entries.whole("num_validation"),
        num_test=entries.whole("num_test"),
        class_names=names,
        class_counts=_counts(entries.mapping("class_counts"), len(names), wrong),
    )


def _counts(stored: Mapping[str, Any], classes: int, wrong: list[str]) -> dict[str, tuple[int, ...]]:
    counts = {
        split: tuple(values)
        for split, values in stored.items()
        if isinstance(values, list) and values and all(map(_is_count, values))
    }
    lengths = {len(values) for values in counts.values()} | ({classes} if classes else set())
    if len(counts) == len(stored) and len(lengths) <= 1:
        return counts
    wrong.append(f"{MANIFEST}: dataset.class_counts has no whole number for each class; it is left out")
    return {}
