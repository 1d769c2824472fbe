"""Values of settings: numpy's scalars as Python's own, and a text that is the same in every process."""

from __future__ import annotations

import ast
import copyreg
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


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
    return repr(value)


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


def foreign(value: Any, module: str) -> object | None:
    """Return the value, or the one within it, that is made in a module whose name begins so; else None.

    Such a module is a space file, which only training processes run: a value on its way to them passes others.
    """
    if isinstance(value, Mapping):
        parts: tuple[Any, ...] = (*value.keys(), *value.values())
    else:
        parts = tuple(value) if type(value) in (tuple, list, set, frozenset) else ()
    if str(getattr(value, "__module__", type(value).__module__)).startswith(module):
        return value  # type: ignore[no-any-return]  # the caller's
    return next((found for part in parts if (found := foreign(part, module)) is not None), None)
