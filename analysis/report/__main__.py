# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""Writes a report of one or more searches: one HTML page that needs no network.

python -m analysis.report results/mnist_filters                       # writes results/mnist_filters/report.html
python -m analysis.report results/mnist_filters --serve               # shows it in a browser, while it runs, too
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command import PLACES, beside, deliver, run
from analysis.load import load
from analysis.report.page import page
from search.errors import SearchError
from search.parsing import Parser, answer_shell


def report(words: list[str] | None = None) -> None:
    """Parse the words of the command line and write the page that they ask for; raises SearchError."""
    parser = Parser(prog="python -m analysis.report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", nargs="+", metavar="RESULTS", help=PLACES)
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: report.html in the (first) experiment")
    parser.add_argument(
        "--serve", action="store_true", help="serve a page that follows the search, to this machine only"
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="with --serve (default: 8420, or a free one where that is taken)"
    )
    parser.add_argument(
        "--until-parent-ends", action="store_true", help="with --serve: end with the process that started this one"
    )
    options = answer_shell(parser).parse_args(words)
    if not options.serve and (options.port is not None or options.until_parent_ends):
        raise SearchError("--port and --until-parent-ends are for a page that is served; give --serve with them.")
    if options.serve and options.output is not None:
        raise SearchError("--serve writes no file; leave out --output, or --serve.")
    if options.serve:
        # Writing a file does not need what serves.
        from analysis.report.live.server import serve  # noqa: PLC0415

        serve(options.results, options.port, options.until_parent_ends)
        return
    results = load(*options.results)
    output = beside(options.results[0], "report.html", options.output, "--output FILE for the report")
    deliver(page(results), output)


def _port(text: str) -> int:
    """Read the number of a port; 0 is any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; expected a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(run(report))
