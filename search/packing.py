"""A space that Python gave as an object, on its way to other processes: packed to bytes, and written out as a record.

Functions and classes of a notebook or of the main program travel by value, as Ray sends them; those of modules by their
names, so that each node needs the module.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import cloudpickle

from search.errors import SearchError
from search.space import Choice, Float, Int, Parameter, Space
from search.space.values import text_of
from search.wording import error_text

_PLAIN = (bool, int, float, str)
"""Constants that the record holds."""


def pack(given: Any) -> bytes:
    """The bytes of a Space, or of what builds models; raises SearchError for what cannot travel."""
    try:
        packed: bytes = cloudpickle.dumps(given)
    except Exception as error:  # Whatever an object of the user's own raises.
        raise SearchError(
            f"the space cannot be sent to the processes that train: {error_text(error)}. Expected functions that hold "
            "plain values: no open file, lock or session."
        ) from None
    return packed


def written_out(given: Any) -> str:
    """The object as text, by which a resumed search knows that it is the same: its values, its functions' sources."""
    lines = ["# Given from Python. This is a record; a search goes on when it is given the same object."]
    sources = dict.fromkeys(_own(given, set()))
    shown = _shown_space(given) if isinstance(given, Space) else [f"space = {_name(given)}"]
    return "\n\n\n".join(["\n".join(lines), *sources, "\n".join(shown)]) + "\n"


def _shown_space(space: Space) -> list[str]:
    shown = [f"    {name}={_shown(value)}," for name, value in vars(space).items() if value is not None]
    return ["space = Space(", *shown, ")"]


def _shown(value: Any) -> str:
    if isinstance(value, (Float, Int, Choice)):
        return _shown_parameter(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_shown(item)}" for name, item in value.items()) + "}"
    return _name(value) if _is_code(value) else text_of(value)


def _shown_parameter(parameter: Parameter) -> str:
    when = f", when={text_of(dict(parameter.when))}" if parameter.when else ""
    kind = type(parameter).__name__
    if isinstance(parameter, Choice):
        return f"{kind}({', '.join(map(_shown, parameter.options))}{when})"
    options = {"log": parameter.log or None, "step": parameter.step}
    more = "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)
    return f"{kind}({parameter.low!r}, {parameter.high!r}{more}{when})"


def _is_code(value: Any) -> bool:
    return isinstance(value, type) or callable(value) or hasattr(value, "build")


def _name(code: Any) -> str:
    """A function or a class by its name; an object by that of its class, since its own text may hold an address."""
    named = code if hasattr(code, "__qualname__") else type(code)
    module = "" if named.__module__ == "__main__" else f"{named.__module__}."
    return f"{module}{named.__qualname__}{'' if named is code else '(...)'}"


def _own(value: Any, seen: set[int]) -> Iterator[str]:
    """The sources of what a notebook, or the main program, defines and a value holds or calls; inner ones first."""
    if id(value) in seen:
        return
    seen.add(id(value))
    for name, part in _parts(value):
        if isinstance(part, _PLAIN):
            yield f"{name} = {text_of(part)}"
        else:
            yield from _own(part, seen)
    code = value if isinstance(value, (FunctionType, type)) else type(value)
    if code.__module__ == "__main__":
        with contextlib.suppress(OSError, TypeError):  # Nothing knows the source of what `exec` made.
            yield inspect.getsource(code).rstrip()


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds and what a function of the main program calls, by name."""
    if isinstance(value, Space):
        yield from ((name, getattr(value, name)) for name in ("parameters", "dataset", "trainable"))
    elif isinstance(value, FunctionType):
        closure = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((name, cell.cell_contents) for name, cell in closure)
        if value.__module__ == "__main__":
            known = ((name, value.__globals__.get(name)) for name in value.__code__.co_names)
            yield from (found for found in known if isinstance(found[1], (*_PLAIN, FunctionType, type)))
