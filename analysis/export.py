# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""Command line: a search that has ended, written into TensorBoard, MLflow or Weights & Biases.

python -m analysis.export results/mnist_filters --to tensorboard
python -m analysis.export results/mnist_filters --to mlflow            # where MLFLOW_TRACKING_URI says
python -m analysis.export results/mnist_filters --to wandb             # or, with WANDB_MODE=offline, for `wandb sync`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command import run
from search.errors import SearchError
from search.experiment.lock import is_held
from search.experiment.manifest import read_manifest
from search.experiment.trackers import TRACKERS, check_ready, track
from search.parsing import answer_shell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis.export", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("results", nargs="+", type=Path, help="folders of experiments")
    parser.add_argument("--to", required=True, choices=TRACKERS)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="files go to DIR/NAME (default: tensorboard/ or wandb/ in the experiment)",
    )
    return parser


def export(words: list[str] | None = None) -> None:
    """Parse the words of the command line and write what they ask for; raises SearchError."""
    options = answer_shell(_parser()).parse_args(words)
    check_ready([options.to], "--to")
    for root in options.results:
        read_manifest(root)  # This raises where there is no experiment.
        if is_held(root):
            raise SearchError(f"{root} is being searched; wait for its end, or search with --log {options.to}.")
        folder = None if options.output is None else options.output / root.name
        files = folder or root / "tensorboard"
        if options.to == "tensorboard" and files.exists() and any(files.iterdir()):
            raise SearchError(f"{files} holds event files already; remove it, or name another --output.")
        count = track(options.to, root, folder)
        print(f"{count} trials of {root} in {files if options.to == 'tensorboard' else options.to}")


if __name__ == "__main__":
    sys.exit(run(export))
