"""Command line: a search that has ended, written into TensorBoard or MLflow.

python -m analysis.export results/mnist_filters --to tensorboard
python -m analysis.export results/mnist_filters --to mlflow            # where MLFLOW_TRACKING_URI says
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command import run
from search.errors import SearchError
from search.experiment.lock import is_held
from search.experiment.manifest import read_manifest
from search.experiment.trackers import TRACKERS, check_installed, track


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis.export", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("results", nargs="+", type=Path, help="folders of experiments")
    parser.add_argument("--to", required=True, choices=TRACKERS)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="TensorBoard: default tensorboard/ in the experiment"
    )
    return parser


def export(words: list[str] | None = None) -> None:
    """Parse the words of the command line and write what they ask for; raises SearchError."""
    options = _parser().parse_args(words)
    check_installed([options.to], "--to")
    for root in options.results:
        read_manifest(root)  # This raises where there is no experiment.
        if is_held(root):
            raise SearchError(f"{root} is being searched; wait for its end, or search with --log {options.to}.")
        folder = root / "tensorboard" if options.output is None else options.output / root.name
        if options.to == "tensorboard" and folder.exists() and any(folder.iterdir()):
            raise SearchError(f"{folder} holds event files already; remove it, or name another --output.")
        count = track(options.to, root, folder)
        print(f"{count} trials of {root} in {folder if options.to == 'tensorboard' else 'MLflow'}")


if __name__ == "__main__":
    sys.exit(run(export))
