# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""Shows the trials of one or more searches as a table.

python -m analysis.compare                                            # the experiments that there are
python -m analysis.compare results/mnist_filters                      # all trials, best validation first
python -m analysis.compare results/mnist_filters --by filters,kernel_size --format markdown
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from analysis.command import PLACES, deliver, run
from analysis.listing import experiments
from analysis.load import Results, load
from analysis.tables import configuration_table, group_table, trial_table
from analysis.wording.formats import FORMATS, Table, render
from analysis.wording.terminal import for_terminal
from search.errors import SearchError
from search.experiment.existing import is_experiment
from search.experiment.remote.resumable import experiments_of, stored_manifest
from search.experiment.remote.store import ResultsPath, Store, parse_results_path
from search.parsing import Parser, answer_shell


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m analysis.compare", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "results", nargs="*", metavar="RESULTS", help=f"{PLACES}; one folder of several, or none: list what is there"
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="PARAM[,PARAM]",
        help="a row for each value of these settings, or else columns; configuration: the runs of each taken together",
    )
    parser.add_argument(
        "--sort", metavar="COLUMN", help="order of the rows, by a heading of the table (default: best validation first)"
    )
    parser.add_argument("--top", type=int, metavar="N", help="only the first N rows")
    parser.add_argument("--format", choices=FORMATS, default="text", help="(default: text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table to a file")
    return parser


def compare(words: list[str] | None = None) -> None:
    """Parse the words of the command line and print the table that they ask for; raises SearchError."""
    options = answer_shell(_parser()).parse_args(words)
    if options.top is not None and options.top < 1:
        raise SearchError(f"--top {options.top}; expected a number of rows above 0.")
    table, metric = _table(options)
    if options.format == "text" and options.output is None and sys.stdout.isatty():
        keep = {metric, options.sort, *(word.strip() for words in options.by for word in words.split(","))}
        text = for_terminal(table, shutil.get_terminal_size().columns, keep)
    else:
        text = render(table, options.format)
    deliver(text, options.output)


def _table(options: argparse.Namespace) -> tuple[Table, str]:
    """Return the table that is asked for, and the metric by which its rows are compared: none for a list."""
    if not options.results:
        return experiments(Path("results")), ""
    if len(options.results) == 1 and _is_folder_of_experiments(place := parse_results_path(options.results[0])):
        return experiments(place), ""
    results = load(*options.results)
    return _of_results(results, options), results.metric


def _of_results(results: Results, options: argparse.Namespace) -> Table:
    if not options.by:
        return trial_table(results, options.sort, options.top)
    if options.by == ["configuration"]:
        if options.sort:
            raise SearchError("--by configuration is always best first; leave out --sort, or name parameters in --by.")
        return configuration_table(results, options.top)
    table = group_table(results, options.by, options.sort)
    return Table(table.frame.head(options.top or len(table.frame)), table.notes)


def _is_folder_of_experiments(place: ResultsPath) -> bool:
    is_one = stored_manifest(place) is not None if isinstance(place, Store) else is_experiment(place)
    return not is_one and bool(experiments_of(place))


if __name__ == "__main__":
    sys.exit(run(compare))
