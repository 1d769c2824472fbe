"""The command line of a search: its options, and the values that they take."""

from __future__ import annotations

import argparse
import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from search.errors import SearchError
from search.experiment.remote.store import Store, place
from search.space import SAMPLERS, STOPPING_RULES
from search.space.values import text_of
from search.stopping.fidelity import FIDELITIES


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all errors of the command."""

    def error(self, message: str) -> NoReturn:
        raise SearchError(f"{message}. See `python -m search.run --help`.")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options as given, None for those that were not; raises SearchError."""
    options = _parser().parse_args(list(_one_set_each(words)))
    if not options.space and not options.list:
        raise SearchError("no space file is given; expected one, like `python -m search.run spaces/mnist_filters.py`.")
    if options.retry_failed and not options.resume:
        raise SearchError("--retry-failed runs the failed trials of an earlier search again; give --resume with it.")
    return options


def _one_set_each(words: Sequence[str]) -> Iterator[str]:
    """The words with `--set a=1 b=2` as `--set a=1 --set b=2`: argparse would take a SPACE that follows as one more."""
    in_set, before = False, ""
    for word in words:
        more = in_set and re.match(r"[A-Za-z_]\w*=", word) is not None
        if more and before != "--set":
            yield "--set"
        yield word
        in_set, before = more or word == "--set" or word.startswith("--set="), word


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m search.run",
        description="Search the space of a space file; results go to RESULTS/NAME.",
        allow_abbrev=False,
    )
    parser.add_argument("space", nargs="?", metavar="SPACE", help="path of a space file, like spaces/mnist_filters.py")
    what = parser.add_argument_group("what is searched")
    what.add_argument("--trials", type=_count, metavar="N", help="configurations to be ended (default: the space's)")
    what.add_argument(
        "--sampler", choices=SAMPLERS, help="who proposes configurations (default: the space's, else tpe)"
    )
    what.add_argument(
        "--stopping", choices=STOPPING_RULES, help="who ends trials early (default: the space's, else asha)"
    )
    what.add_argument(
        "--fidelity",
        choices=FIDELITIES,
        help="what trials have less of before asha's early rungs: epochs, training images (sample_size), both "
        "(default: the space's, else epochs)",
    )
    what.add_argument("--repeats", type=_count, metavar="K", help="runs of the leading configurations, with K seeds")
    what.add_argument("--seed", type=_seed, metavar="N", help="seed of splits, sampler and trials (default: 0)")
    what.add_argument("--dataset", metavar="NAME", help="another data set: a name, a folder of class folders, a tar")
    what.add_argument(
        "--set",
        action="append",
        type=_setting,
        metavar="KEY=VALUE",
        help="pin a setting; more may follow",
    )
    what.add_argument("--smoke", action="store_true", help="2 trials of 1 epoch on a few images: does it run at all?")
    where = parser.add_argument_group("where it runs and what it leaves")
    where.add_argument("--name", type=_name, metavar="NAME", help="name of the experiment (default: the space's stem)")
    where.add_argument(
        "--results",
        type=_results,
        metavar="DIR",
        help="folder of experiments, also in an object store, like s3://bucket/results (default: results)",
    )
    where.add_argument("--resume", action="store_true", help="go on with the experiment of that name")
    where.add_argument("--retry-failed", action="store_true", help="with --resume: run failed trials again")
    where.add_argument(
        "--data-dir",
        type=_folder,
        metavar="DIR",
        help="data sets and weights (default: SEARCH_DATA_DIR, else the cache of Keras)",
    )
    where.add_argument(
        "--address",
        type=_address,
        default="local",
        metavar="A",
        help="Ray cluster: local, auto or HOST:PORT",
    )
    where.add_argument("--max-concurrent", type=_count, metavar="N", help="trials at once (default: as many as fit)")
    where.add_argument(
        "--cpus-per-trial", type=_share, metavar="X", help="cores of a trial (default: the space's, else 1)"
    )
    where.add_argument(
        "--gpus-per-trial", type=_share, metavar="X", help="GPUs of a trial, like 0.5 (default: the space's, else 0)"
    )
    where.add_argument(
        "--oom-retry",
        action="store_true",
        default=None,
        help="run a trial whose share of a GPU was too small once more, alone on a whole GPU",
    )
    where.add_argument(
        "--time-budget", type=_duration, metavar="T", help="no new trials after this time, like 90s, 30m, 2h"
    )
    where.add_argument(
        "--trial-timeout", type=_duration, metavar="T", help="a trial without a finished epoch for this long has failed"
    )
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--dry-run", action="store_true", help="show the space and the plan, and train nothing")
    shown.add_argument("--quiet", action="store_true", help="show only the result")
    shown.add_argument("--list", action="store_true", help="show the experiments that there are; needs no SPACE")
    shown.add_argument("--version", action="version", version=f"keras-search {metadata.version('keras-search')}")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 2147483647")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 0")
    return value


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name; expected letters, digits, '.', '_', '+' and '-'")
    return text


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("'' is no folder; expected a path")
    return Path(text).expanduser()


def _results(text: str) -> Path | Store:
    if not text:
        raise argparse.ArgumentTypeError("'' is no folder; expected a path, or an address like s3://bucket/results")
    return place(text)


def _address(text: str) -> str:
    if text not in ("local", "auto") and not re.fullmatch(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address; expected local, auto or HOST:PORT")
    return text


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d)?", text)
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected one like 90s, 30m or 2h")
    if match[2] is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no unit; expected seconds like {text}s, minutes {text}m or hours {text}h"
        )
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting; expected KEY=VALUE")
    return name, _literal(value)


def _literal(text: str) -> object:
    """A Python literal as its value, any other text as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of Python's parser, on a text that is none of its own.
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text


def set_words(config: dict[str, object]) -> list[str]:
    """The words of a command line that pin a configuration; `parse` reads them back as the same values."""
    return [word for name, value in config.items() for word in ("--set", f"{name}={_word(value)}")]


def _word(value: object) -> str:
    if not isinstance(value, str):
        return text_of(value)
    return value if _literal(value) == value else repr(value)  # What reads like a number or None keeps its quotes.
