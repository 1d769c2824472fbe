# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""Writes a search that has ended into TensorBoard, MLflow or Weights & Biases.

python -m analysis.export results/mnist_filters --to tensorboard
python -m analysis.export results/mnist_filters --to mlflow            # where MLFLOW_TRACKING_URI says
python -m analysis.export results/mnist_filters --to wandb             # or, with WANDB_MODE=offline, for `wandb sync`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.command import PLACES, beside, run
from search.errors import SearchError
from search.experiment.existing import is_experiment
from search.experiment.remote.claim import is_written
from search.experiment.remote.resumable import fetch_result, stored_manifest, why_none
from search.experiment.remote.store import ResultsPath, Store, parse_results_path, reason
from search.experiment.trackers import TRACKERS, check_ready, track
from search.parsing import Parser, answer_shell
from search.wording import error_text


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m analysis.export", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", nargs="+", metavar="RESULTS", help=PLACES)
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
    for address in options.results:
        _export(address, options.to, options.output)


def _export(address: str, to: str, output: Path | None) -> None:
    place = parse_results_path(address)
    told = place.plain if isinstance(place, Store) else str(place)
    folder = None if output is None else output / place.name
    with _at_hand(place) as root:
        if to != "mlflow":  # MLflow's files lie where its server says.
            files = beside(address, to, folder, f"--output DIR for the files of {to}")
            if to == "tensorboard" and files.exists() and any(files.iterdir()):
                raise SearchError(f"{files} holds event files already; remove it, or name another --output.")
        if _is_searched(place):
            raise SearchError(f"{told} is being searched; wait for its end, or search with --log {to}.")
        count = _track(to, root, folder, told)
    print(f"{count} trials of {told} in {files if to == 'tensorboard' else to}")


def _track(to: str, root: Path, folder: Path | None, told: str) -> int:
    """Return how many trials were written; raises SearchError where a server or a disk does not take them."""
    try:
        return track(to, root, folder)
    except SearchError:
        raise
    except Exception as error:  # Of libraries and servers of all kinds.
        raise SearchError(
            f"{told} cannot be written to {to} ({error_text(error)[:200]}); mend that and give the command again."
        ) from None


def _is_searched(place: ResultsPath) -> bool:
    """Return whether a driver writes there now; of a store that does not answer, raises SearchError."""
    try:
        return is_written(place)
    except OSError as error:
        told = place.plain if isinstance(place, Store) else place
        raise SearchError(f"{told} cannot be read ({reason(error)}); check address and network.") from None


@contextmanager
def _at_hand(place: ResultsPath) -> Iterator[Path]:
    """Yield the folder of an experiment; of one in a store a folder that is gone after the block.

    Raises SearchError where there is no experiment.
    """
    if isinstance(place, Path):
        if not is_experiment(place):
            raise SearchError(why_none(place))
        yield place
        return
    manifest = stored_manifest(place)
    if manifest is None:
        raise SearchError(why_none(place))
    with tempfile.TemporaryDirectory(prefix="search-export-") as scratch:
        root = Path(scratch) / place.name
        fetch_result(place, root, manifest)
        yield root


if __name__ == "__main__":
    sys.exit(run(export))
