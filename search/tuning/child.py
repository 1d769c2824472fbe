"""The training process: runs one trial after another and talks to its worker over a pipe. Imports no Ray.

    python -m search.tuning.child DESCRIPTOR

Between two decisions of the stopping rule it trains on without waiting; at a rung it waits for `go` or `stop`.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import IO

import psutil

from search.tuning.attempt import run_attempt
from search.tuning.messages import RunContext, TrialSpec

OUTPUT_BYTES = 64 << 10
"""How much of a trial's own output is kept: its end."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve trials until the pipe is closed."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the driver decides what it means.
    link = Connection(int(sys.argv[1]))
    output = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  # for as long as the process lives
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    faulthandler.enable()
    try:
        _serve(link, output)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # The worker is gone, and with it the reason to be here.


def _serve(link: Connection, output: IO[bytes]) -> None:
    context = link.recv()
    assert isinstance(context, RunContext)
    sys.path[:] = [*dict.fromkeys([*context.import_path, *sys.path])]
    space = None
    while True:
        spec = link.recv()
        if not isinstance(spec, TrialSpec):
            continue  # A `stop` that crossed the trial's own end.
        os.ftruncate(output.fileno(), 0)
        output.seek(0)
        if context.trial_timeout_s:
            faulthandler.dump_traceback_later(context.trial_timeout_s * 0.95, file=output)
        if space is None:
            space = context.source.execute()
        ending = run_attempt(space.trainable, spec, context, link)
        faulthandler.cancel_dump_traceback_later()
        if ending is not None:
            ending.output = _tail(output)
            ending.resident_bytes = psutil.Process().memory_info().rss
            link.send(ending)


def _tail(output: IO[bytes]) -> str:
    sys.stdout.flush()
    sys.stderr.flush()
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_BYTES))
    text = output.read().decode(errors="replace")
    output.seek(0, os.SEEK_END)
    return text


def _die_with_parent() -> None:
    """Let the kernel end this process when its worker ends, however that ends (Linux; elsewhere the pipe tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
