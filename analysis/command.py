"""What the commands of this package share: errors in one line, and texts for a file or the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from search.errors import SearchError


def run(command: Callable[[list[str] | None], None], words: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, or 2 after one line for what its user can mend."""
    try:
        command(words)
    except SearchError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        sys.stderr.close()
    return 0


def deliver(text: str, output: Path | None) -> None:
    """Write a text to a file and say so, or write it to the terminal."""
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SearchError(f"{output} cannot be written ({error.strerror}); give another --output.") from None
    print(output)
