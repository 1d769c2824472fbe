"""The training process: runs one trial after another and talks to its worker over a pipe.

    python -m search.trial.child DESCRIPTOR DESCRIPTOR

Between two decisions of the stopping rule it trains on without waiting; at a rung it waits for GO_ON or STOP. When a
trial has ended it begins the one that its worker holds for it at once; else it waits for the next.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import io
import os
import pickle
import signal
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection, wait
from socket import MSG_DONTWAIT, socket
from typing import Any

import psutil

from search.space import Space
from search.trial.attempt import run_attempt
from search.trial.messages import ProcessResources, SearchContext, TrialSpec
from search.trial.orphans import die_with_parent
from trainables.trial import Trial, declaration_of

OUTPUT_BYTES = 64 << 10
"""How much of a trial's own output is kept: its end."""
LARGEST_HELD = 1 << 17
"""Bytes of a trial that a worker can hold for its process."""


def main() -> None:
    """Serve trials until the pipe is closed."""
    die_with_parent()  # On other systems than Linux the end of the pipe ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the driver decides what it means.
    serve(Connection(int(sys.argv[1])), socket(fileno=int(sys.argv[2])))


def serve(link: Connection, hand: socket) -> None:
    """Run the trials that come over the pipe to the worker or lie in its hand, until the pipe is closed."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=True)  # So that the lines of both stand in their order.
    faulthandler.enable()
    try:
        _run_trials(link, hand)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # The worker has ended, and nobody needs this process any more.


def _run_trials(link: Connection, hand: socket) -> None:
    context, resources = link.recv()
    assert isinstance(context, SearchContext)
    assert isinstance(resources, ProcessResources)
    sys.path[:] = [*dict.fromkeys([*context.import_path, *sys.path])]
    space = cache(context.space_file.execute)
    if not link.poll():
        _prepare(space)
    spec = _next_trial(link)
    while True:
        # The file is run within the attempt, so that what it cannot find on this node is the trial's error.
        end = run_attempt(lambda config, trial: _call_trainable(space(), config, trial), spec, context, resources, link)
        faulthandler.cancel_dump_traceback_later()
        if end is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            link.send(dataclasses.replace(end, own_bytes=_own_bytes(), output=end_of_output(1)))
        spec = _next_trial(link, hand)
        _clear_output()


def _next_trial(link: Connection, hand: socket | None = None) -> TrialSpec:
    """The trial that the worker sends, or the one that it holds; a process never begins with one that is held."""
    while True:
        ready = wait([link] if hand is None else [link, hand])
        if link in ready:
            if isinstance(sent := link.recv(), TrialSpec):
                return sent  # Else it is a command that crossed the trial's own end.
        elif hand is not None and (held := take_held(hand)) is not None:
            return held


def take_held(hand: socket) -> TrialSpec | None:
    """Take the trial that lies in a worker's hand; None where it is empty.

    Worker and training process both do so, and the kernel sees to it that only one of them gets it.
    """
    try:
        held = pickle.loads(hand.recv(LARGEST_HELD, MSG_DONTWAIT))
    except BlockingIOError:
        return None
    assert isinstance(held, TrialSpec)
    return held


def end_of_output(descriptor: int) -> str:
    """The end of what a trial has printed to its standard output and error so far, which are one file."""
    size = os.fstat(descriptor).st_size  # `pread`, because worker and process share the position.
    return os.pread(descriptor, OUTPUT_BYTES, max(0, size - OUTPUT_BYTES)).decode(errors="replace")


def _prepare(space: Callable[[], Space]) -> None:
    """Import what trials need while there is none yet: the space file, and what its trainable declares.

    What fails here fails again within the first trial, as that one's error. What it prints is the first trial's output.
    """
    try:
        warm_up = declaration_of(space().trainable).warm_up
        if warm_up is not None:
            warm_up()
    except BaseException:  # `exit()` in a space file, too, is an error of the trial.
        _clear_output()


def _call_trainable(space: Space, config: dict[str, object], trial: Trial) -> Any:
    """Hand the trainable its configuration; with a data set that is a function in place of the function's name."""
    if callable(space.dataset) and trial.asked.get("dataset") == space.dataset_name:
        trial.asked = {**trial.asked, "dataset": space.dataset}
        if dict.get(config, "dataset") == space.dataset_name:  # As of a dict: nobody has read the setting.
            config["dataset"] = space.dataset
    return space.trainable(config, trial)


def _own_bytes() -> int:
    """Resident memory without the pages of files, such as those of a data set that is mapped: they are no growth."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


def _clear_output() -> None:
    """Standard output and error are one file, which the worker reads at the end of each trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)


if __name__ == "__main__":
    main()
