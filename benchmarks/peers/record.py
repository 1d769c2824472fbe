"""Records what a peer's process leaves for the benchmark: when each of its trials ended, and the best metric."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Record:
    """Ends of trials in seconds since the epoch, in their order, and each trial's best validation accuracy."""

    finished_at: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """Record that a trial ends now, with its best validation accuracy."""
        self.finished_at.append(time.time())
        self.values.append(value)

    def write(self, path: Path) -> None:
        """Write the record for `read`."""
        path.write_text(json.dumps({"finished_at": self.finished_at, "values": self.values}))


def read(paths: Sequence[Path]) -> Record:
    """Return the record of processes that ran side by side."""
    found = [json.loads(path.read_text()) for path in paths]
    pairs = sorted(pair for record in found for pair in zip(record["finished_at"], record["values"], strict=True))
    return Record([at for at, _ in pairs], [value for _, value in pairs])


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options of every peer: how many trials, and where the record goes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    return parser
