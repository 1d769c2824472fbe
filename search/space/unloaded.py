"""Code that is run without the frameworks that take seconds to import: it is given up when it imports one."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

FRAMEWORKS = ("tensorflow", "keras", "keras_tuner", "tf_keras", "autokeras")


class FrameworkNeeded(BaseException):
    """The code imports one of them. No Exception, so that no `except` of the code itself hides it."""


class _Watch(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Find nothing, as a finder may; raises FrameworkNeeded."""
        if name.partition(".")[0] in FRAMEWORKS:
            raise FrameworkNeeded(name)


@contextlib.contextmanager
def frameworks_unloaded() -> Iterator[None]:
    """Within it, the first import of a framework raises FrameworkNeeded; one that is loaded already stays usable."""
    watch = _Watch()
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        sys.meta_path.remove(watch)
