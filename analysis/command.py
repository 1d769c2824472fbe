"""What the commands of this package share: errors in one line, and texts for a file or the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from search.errors import SearchError
from search.experiment.remote.store import Store, parse_results_path

PLACES = "experiments: their folders, or their addresses in a store, like s3://BUCKET/results/NAME"
"""What `--help` says of the results that a command takes."""


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


def beside(address: str, default: str, output: Path | None, wanted: str) -> Path:
    """Return `output`, or where it is None `default` in the experiment at that address.

    Raises SearchError for an experiment in a store, of which `wanted` says what must be given in its place.
    """
    if output is not None:
        return output
    place = parse_results_path(address)
    if isinstance(place, Store):
        raise SearchError(f"{place.plain} is not a local folder; expected {wanted}.")
    return place / default


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
