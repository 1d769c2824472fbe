"""Command line: a report of one or more searches, one HTML page that needs no network.

python -m analysis.report results/mnist_filters                       # writes results/mnist_filters/report.html
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command import deliver, run
from analysis.load import load
from analysis.report.page import page
from search.errors import SearchError


def report(words: list[str] | None = None) -> None:
    """Parse the words of the command line and write the page that they ask for; raises SearchError."""
    parser = argparse.ArgumentParser(prog="python -m analysis.report", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("results", nargs="+", help="folders of experiments, or s3:// addresses")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: report.html in the (first) experiment")
    options = parser.parse_args(words)
    results = load(*options.results)
    if options.output is None and "://" in options.results[0]:
        raise SearchError(f"{options.results[0]} is not a local folder; expected --output FILE for the report.")
    deliver(page(results), options.output or Path(options.results[0]) / "report.html")


if __name__ == "__main__":
    sys.exit(run(report))
