"""Prints the lines of a benchmark as they are measured, and keeps them for a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, stdev


@contextmanager
def printed(output: Path | None) -> Iterator[Callable[[str], None]]:
    """Yield a function that prints a line at once; at the end all lines are written to `output`, if there is one."""
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    yield say
    if output is not None:
        output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def mean_and_deviation(values: Sequence[float], digits: int = 4) -> str:
    """Return the mean, with the standard deviation where there are several values."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{deviation}"
