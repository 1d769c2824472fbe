"""From Enter to the prompt: when does a search of two trials pass its stations, and when do its peers?

    python -m benchmarks.start                                        # four contestants, three rounds: 3 minutes
    python -m benchmarks.start --picture docs/figures/start.png       # with the picture
    python -m benchmarks.start --only ours --rounds 5

Every contestant is a command in a process of its own, cold; contestants take turns, so that a slow hour is everybody's.
Of peers that train by `fit` an epoch counts when it ends, of this system when its driver has heard of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.figures.drawing.style import BLACK, GREY, GROUPS, LIGHT, legend, panels, style, title
from benchmarks.measuring.contestants import CONTESTANTS
from benchmarks.measuring.printed import printed
from benchmarks.overhead import heading, spread
from benchmarks.start.stations import STATIONS, in_order, pass_stations

NAMES = ("ours", "keras-tuner", "optuna", "tune-fresh")
Passed = dict[str, list[dict[str, float]]]
"""Seconds from Enter to each station, for each round, by contestant."""


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print a table, and draw it where a picture is asked for."""
    options = parse(words)
    with printed(options.output) as say:
        say(heading(options.rounds))
        passed = measure(options)
        say(table(passed))
    if options.picture is not None:
        draw({name: medians(rounds) for name, rounds in passed.items()}, options.trials, options.picture)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(NAMES), help="contestants")
    parser.add_argument("--trials", type=int, default=2, help="of each contestant, 2 by default")
    parser.add_argument("--rounds", type=int, default=3, help="in which every contestant has its turn, 3 by default")
    parser.add_argument("--output", type=Path, help="a Markdown file for what is printed")
    parser.add_argument("--picture", type=Path, help="a PNG file for the timeline")
    return parser.parse_args(words)


def measure(options: argparse.Namespace) -> Passed:
    """Return what each contestant passed when, round by round."""
    passed: Passed = {name: [] for name in options.only}
    for _ in range(options.rounds):
        for name in options.only:
            with tempfile.TemporaryDirectory(prefix="start-") as folder:
                passed[name].append(pass_stations(CONTESTANTS[name], options.trials, Path(folder)))
            print(f"{name}: prompt back after {passed[name][-1]['prompt back']:.1f} s", file=sys.stderr)
    return passed


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median over the rounds of each station that all of them passed."""
    common = [name for name in STATIONS if all(name in one for one in rounds)]
    return {name: statistics.median(one[name] for one in rounds) for name in common}


def table(passed: Passed) -> str:
    """Return seconds from Enter to each station: medians, with the range where there are several rounds."""
    rows = [["seconds from Enter to", *(CONTESTANTS[name].title for name in passed)]]
    rows.append(["---", *("---:" for _ in passed)])
    for station in STATIONS:
        found = [[one[station] for one in rounds if station in one] for rounds in passed.values()]
        if any(found):
            rows.append([station, *(spread(values, 1) if values else "–" for values in found)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(passed: Mapping[str, Mapping[str, float]], trials: int, path: Path) -> None:
    """Draw a line of time for each contestant, the stations as marks on it, and its training as the thick part."""
    looks = {
        station: {"marker": "|", "color": colour, "markersize": 15, "markeredgewidth": 2.5, "linestyle": ""}
        for station, colour in zip(STATIONS, (*GROUPS, BLACK, GREY), strict=True)
    }
    with style():
        whole, (axes,) = panels(width=8.0, height=1.6 + 0.45 * len(passed))
        for row, found in enumerate(passed.values()):
            axes.plot([0, found["prompt back"]], [row, row], color=LIGHT, linewidth=2, zorder=1)
            axes.plot([found["first epoch"], found["last trial ended"]], [row, row], color=LIGHT, linewidth=7, zorder=1)
            for station, at in in_order(found):
                axes.plot(at, row, zorder=2, **looks[station])  # type: ignore[arg-type]  # a dict of mixed values
        for station, look in looks.items():
            axes.plot([], [], label=station, **look)  # type: ignore[arg-type]  # likewise
        axes.set_yticks(range(len(passed)), [CONTESTANTS[name].title.replace("**", "") for name in passed])
        axes.set(xlabel="seconds since Enter", xlim=(0, None), ylim=(len(passed) - 0.5, -0.5))
        legend(whole, [axes], columns=5)
        title(
            whole, f"From Enter to the prompt: {trials} trials of a small CNN on digits; thick: from first epoch to end"
        )
        whole.savefig(path)


if __name__ == "__main__":
    main()
