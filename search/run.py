# PYTHON_ARGCOMPLETE_OK: a shell may ask this command how its words go on (search/parsing.py).
"""The command line: python -m search.run SPACE [options]. Parse, load, run, say where the results are."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from search.carry_out import Ended, carry_out
from search.console import Console
from search.errors import SearchError
from search.experiment.states import SearchEnd
from search.planning.options import HELP, Options, help_of, parse
from search.planning.plan import RESULTS
from search.screen.dry_run import print_space
from search.screen.listing import print_experiments
from search.space.loading import read_space, space_of
from trainables.errors import TrainableError

DONE, NOTHING_SUCCEEDED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = tuple(sys.argv[1:] if words is None else words)
    console = Console()
    try:
        if HELP & {*words}:
            return _help(words, console)
        options = parse(words)
        console.quiet = options.quiet
        return _run(options, words, console)
    except (SearchError, TrainableError) as error:
        console.error(str(error))
        return USER_ERROR
    except PermissionError as error:
        console.error(f"{error.filename}: permission denied. Change its permissions, or name another place.")
        return USER_ERROR
    except KeyboardInterrupt:
        console.error("interrupted.")
        return INTERRUPTED


def _help(words: tuple[str, ...], console: Console) -> int:
    text, named = help_of(words)
    console.result(text.rstrip())
    if named:
        print_space(console, space_of(read_space(named), console.warning), named)
    return DONE


def _run(options: Options, words: tuple[str, ...], console: Console) -> int:
    if options.list_experiments:
        print_experiments(console, options.results or RESULTS)
        return DONE
    ended = carry_out(options, words, console)
    return DONE if ended is None else _exit_code(console, ended)


def _exit_code(console: Console, ended: Ended) -> int:
    if ended.fault is not None:
        console.error(ended.fault)
        return NOTHING_SUCCEEDED
    if ended.goes_on and not ended.plan.throwaway:
        words = [word for word in ended.plan.command if word != "--resume"]
        console.result(f"resume:  {shlex.join(['python', '-m', 'search.run', *words, '--resume'])}")
    return INTERRUPTED if ended.end is SearchEnd.INTERRUPTED else DONE


def _leave(code: int) -> NoReturn:
    """End the process at once: all is stored and closed, and Python takes a quarter of a second to tidy its memory."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # Nobody reads any more.
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
