# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""The command line: python -m search.use {predict,export,card,reproduce,refit} RESULTS [options]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from search.console import Console
from search.errors import SearchError
from search.from_python import Experiment
from search.parsing import Parser, answer_shell
from search.planning.dataset import data_folder
from search.planning.options import Options
from search.planning.options.values import count, folder, results
from search.use.card import card
from search.use.export import NAMES, export
from search.use.fetched import experiment_folder
from search.use.predict import predict
from search.use.refit import refit
from search.use.reproduce import reproduce
from search.use.stored_trial import leading_trials, stored_trial
from trainables.errors import TrainableError

DONE, USER_ERROR, INTERRUPTED = 0, 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    console = Console()
    try:
        return _run(answer_shell(parser()).parse_args(words), console)
    except (SearchError, TrainableError) as error:
        console.error(str(error))
        return USER_ERROR
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        sys.stderr.close()
        return DONE
    except OSError as error:
        console.error(f"{error.filename}: {error.strerror}. Name another place, or change its permissions.")
        return USER_ERROR
    except KeyboardInterrupt:
        console.error("interrupted.")
        return INTERRUPTED


def _run(given: argparse.Namespace, console: Console) -> int:
    experiment = Experiment(experiment_folder(given.results))
    trial = stored_trial(experiment, given.trial)
    if given.command == "predict":
        return predict(trial, given.files, given.output, console, given.model)
    if given.command == "card":
        return card(trial, given.output, console)
    data_dir = data_folder(Options(data_dir=given.data_dir))
    if given.command == "export":
        return export(trial, given.format, given.output, data_dir, console, model=given.model)
    if given.command == "refit":
        if given.trial is not None and given.leading > 1:
            raise SearchError("--trial names one trial, and --leading several; expected one of the two.")
        trials = [trial] if given.leading == 1 else leading_trials(experiment, given.leading)
        return refit(trials, given.seeds, data_dir, console, given.ensemble)
    return reproduce(trial, data_dir, console)


def parser() -> argparse.ArgumentParser:
    """What reads the words of the command line; raises SearchError."""
    whole = Parser(prog="python -m search.use", description="Use what a search found.", allow_abbrev=False)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predicts = _command(commands, "predict", "classify image files")
    _model(predicts)
    predicts.add_argument("files", nargs="+", type=folder, metavar="FILE", help="image files, or folders of them")
    _output(predicts, "a .csv or .parquet file (default: csv on standard output)")
    exports = _command(commands, "export", "write the model in another format, checked on the test images")
    exports.add_argument("--format", required=True, choices=NAMES)
    _model(exports)
    _output(exports, "where it is written (default: RESULTS/exports)")
    _data_dir(exports)
    _output(
        _command(commands, "card", "describe the model: data, configuration, metrics, versions"),
        "(default: RESULTS/card.md)",
    )
    refits = _command(commands, "refit", "train it on training and validation images together")
    refits.add_argument("--seeds", type=count, default=3, metavar="K", help="how many models of each (default: 3)")
    refits.add_argument(
        "--leading", type=count, default=1, metavar="K", help="so many of the best configurations (default: 1)"
    )
    refits.add_argument("--ensemble", action="store_true", help="also one model that gives the mean of all of these")
    _data_dir(refits)
    _data_dir(_command(commands, "reproduce", "train the trial again, and compare every metric"))
    return whole


def _command(commands: argparse._SubParsersAction[Parser], name: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text.capitalize() + ".", allow_abbrev=False)
    command.add_argument(
        "results", type=results, metavar="RESULTS", help="an experiment: results/NAME, or its address in a store"
    )
    command.add_argument("--trial", metavar="N", help="number or id of a trial (default: the best)")
    return command


def _model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        type=folder,
        metavar="FILE",
        help="another .keras file of it, like one of refit/ (default: the trial's)",
    )


def _output(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--output", type=folder, metavar="FILE", help=text)


def _data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", type=folder, metavar="DIR", help="data sets and weights, as in search.run")


if __name__ == "__main__":
    sys.exit(main())
