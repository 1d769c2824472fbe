# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""Draws figures of one or more searches, as PNG and SVG.

python -m analysis.figures results/mnist_filters                      # every kind that the results can fill
python -m analysis.figures results/mnist_filters --kind curves --by kernel_size
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command import PLACES, beside, run
from analysis.figures import KINDS, make, save
from analysis.figures.drawing.fonts import lacking
from analysis.load import load
from search.errors import SearchError
from search.parsing import Parser, answer_shell


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m analysis.figures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", nargs="+", metavar="RESULTS", help=PLACES)
    kinds = f"one or more of {', '.join(KINDS)} (default: all)"
    parser.add_argument("--kind", action="extend", nargs="+", choices=list(KINDS), metavar="KIND", help=kinds)
    parser.add_argument(
        "--by", action="append", default=[], metavar="PARAM[,PARAM]", help="group by these settings, or else columns"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: figures/ in the (first) experiment")
    return parser


def figures(words: list[str] | None = None) -> None:
    """Parse the words of the command line and write the figures that they ask for; raises SearchError."""
    options = answer_shell(_parser()).parse_args(words)
    results = load(*options.results)
    folder = beside(options.results[0], "figures", options.output, "--output DIR for the figures")
    results.complete()
    boxes: set[str] = set()
    for kind in options.kind or KINDS:
        try:
            drawn = make(kind, results, options.by if options.kind or KINDS[kind].groups else ())
        except SearchError as error:
            if options.kind:
                raise
            print(f"no {kind}: {error}", file=sys.stderr)
            continue
        print(*save(drawn, folder, kind))
        boxes |= lacking(drawn)
    if boxes:
        print(
            f"no installed font has {' '.join(sorted(boxes))}, and boxes are drawn instead. "
            "Install a font of that script, such as Noto Sans CJK, and draw again.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(run(figures))
