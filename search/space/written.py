"""What a space file says that Python drops in silence: a setting that one dict names twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from search.errors import SearchError

_MAKES = {"Space", "replace"}
_RANGES = {"Float", "Int", "Choice"}


def check_written(path: str, text: str) -> None:
    """Raise SearchError, with its line, for a setting that a dict of the space names twice: the last would count."""
    for key in _repeated(ast.parse(text, path)):
        raise SearchError(
            f"{path}, line {key.lineno}: {key.value!r} is named a second time in one dict, which would drop the first; "
            "expected each once. Remove one, or rename it."
        )


def _repeated(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield names that come again in a dict within a Space, or whose value is a range."""
    within = {id(one) for call in ast.walk(tree) if _calls(call, _MAKES) for one in ast.walk(call)}
    for found in ast.walk(tree):
        if not isinstance(found, ast.Dict):
            continue
        before: set[object] = set()
        for key, value in zip(found.keys, found.values, strict=True):
            if not isinstance(key, ast.Constant):
                continue
            if key.value in before and (id(found) in within or _calls(value, _RANGES)):
                yield key
            before.add(key.value)


def _calls(node: ast.AST, names: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return getattr(called, "id", getattr(called, "attr", "")) in names
