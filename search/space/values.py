"""Values of settings: numpy's scalars as Python's own, a text that is the same in every process, and what is none."""

from __future__ import annotations

import ast
import copyreg
import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from search.errors import SearchError


def plain(value: Any) -> Any:
    """The value with numpy's scalars, also within tuples, lists and dicts, as Python's; all else is left as it is.

    numpy itself is not imported: what has a `dtype`, no dimension and an `item` is one of its scalars.
    """
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {plain(name): plain(item) for name, item in value.items()}
    return value


def text_of(value: object) -> str:
    """Python's own text of a value, with sets in the order of their members' texts.

    Python writes the members of a set in the order of their hashes, which differs from process to process.
    """
    if isinstance(value, (set, frozenset)) and value:
        members = "{" + ", ".join(sorted(map(text_of, value))) + "}"
        return members if type(value) is set else f"{type(value).__name__}({members})"
    if type(value) is list:
        return "[" + ", ".join(map(text_of, value)) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(text_of, value)) + (",)" if len(value) == 1 else ")")
    if isinstance(value, Mapping) and type(value) is dict:
        return "{" + ", ".join(f"{text_of(name)}: {text_of(item)}" for name, item in value.items()) + "}"
    shown, fields = repr(value), _fields(value)
    name = shown.partition("(")[0]
    if fields and shown == f"{name}({', '.join(f'{field}={part!r}' for field, part in fields.items())})":
        return f"{name}({', '.join(f'{field}={text_of(part)}' for field, part in fields.items())})"
    return shown


def _fields(value: Any) -> dict[str, Any]:
    """Return what a dataclass or a named tuple holds, by name; nothing of any other value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    return {name: getattr(value, name) for name in getattr(value, "_fields", ())} if isinstance(value, tuple) else {}


def same(left: object, right: object) -> bool:
    """Return whether two settings are the same value of the same kind: 1, 1.0 and True are three different options."""
    return type(left) is type(right) and bool(left == right)


def check_options(options: Sequence[object]) -> None:
    """Raise SearchError for options of a choice that no process could tell apart, or that no table could hold."""
    for i, option in enumerate(options):
        if isinstance(dimensions := getattr(option, "ndim", 0), int) and dimensions:
            raise SearchError(f"Choice(...) has an array as an option, {option!r}; expected values. Give a tuple.")
        try:
            is_repeated = any(same(option, earlier) for earlier in options[:i])
        except ValueError:  # A tuple of arrays is neither equal to another nor unequal.
            raise SearchError(f"Choice(...) has an option that holds arrays, {option!r}; expected values.") from None
        if is_repeated:
            raise SearchError(f"Choice{options!r} has the option {option!r} twice; expected each once.")
        if isinstance(option, float) and not math.isfinite(option):
            raise SearchError(f"Choice{options!r} has the option {option!r}; expected finite numbers.")
        if " at 0x" in repr(option):
            raise SearchError(
                f"Choice{options!r} has the option {option!r}, whose text is another in every process; "
                "expected values. Give its name, and look it up in the trainable."
            )
        if isinstance(option, str) and any("\ud800" <= letter <= "\udfff" for letter in option):
            raise SearchError(f"Choice(...) has the option {option!r}, which is no Unicode text; expected one that is.")
    if len(set(map(text_of, options))) < len(options):
        raise SearchError(
            f"Choice{options!r} has two options with the same text, by which results know them; expected a "
            "`__repr__` that tells them apart. Or give names, and look them up in the trainable."
        )


def literal(text: str) -> object:
    """Return the value of a Python literal, and any other text as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's parser warns about texts that were never meant to be Python.
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text


def fingerprint(config: Mapping[str, object]) -> str:
    """Return a text that is equal for equal configurations only, by which duplicates are found."""
    return "; ".join(f"{name}={text_of(config[name])}" for name in sorted(config))


def read_only(values: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    """The mapping, so that nobody changes it; as spaces and parameters hold theirs."""
    return MappingProxyType(dict(values))


# Python can copy every part of a space to another process but these.
copyreg.pickle(MappingProxyType, lambda values: (read_only, (dict(values),)))


def foreign(value: Any, is_foreign: Callable[[str], bool]) -> object | None:
    """Return the value, or the one within it, that is made in a module of such a name; else None.

    Such a module is a space file, or lies beside it, and only training processes run it: a value on its way to them
    passes others.
    """
    if isinstance(value, Mapping):
        parts: tuple[Any, ...] = (*value.keys(), *value.values())
    else:
        parts = tuple(value) if type(value) in (tuple, list, set, frozenset) else ()
    if is_foreign(str(getattr(value, "__module__", type(value).__module__))):
        return value  # type: ignore[no-any-return]  # the caller's
    return next((found for part in parts if (found := foreign(part, is_foreign)) is not None), None)
