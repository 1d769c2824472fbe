"""A worker's training process: started, spoken to, replaced when it dies, hangs or grows. Imports no Ray."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair

from search.tuning.messages import CLOSING, Ending, Metrics, Report, RunContext, TrialSpec

OUTPUT_BYTES = 64 << 10
"""How much of a trial's own output is kept: its end."""


class ProcessDied(Exception):
    """The training process ended or hung in the middle of a trial."""


class TrainingProcess:
    """One child process and the pipe to it."""

    def __init__(self, context: RunContext) -> None:
        self.trials = 0
        self._output = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  # closed by `kill`
        ours, theirs = socketpair()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, [*context.import_path, *sys.path]))),
        }
        environment.update(_thread_limits(context.cpus))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "search.tuning.child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()
        self.link = Connection(ours.detach())
        self.link.send(context)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_text(self) -> str:
        """How the process ended, in words."""
        code = self._process.wait()
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def output(self) -> str:
        """The end of what the trial has written to its standard output and error so far."""
        # `pread`, because the position is shared with the process.
        descriptor = self._output.fileno()
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, OUTPUT_BYTES, max(0, size - OUTPUT_BYTES)).decode(errors="replace")

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.wait()
        self.link.close()
        self._output.close()


def _thread_limits(cpus: int) -> dict[str, str]:
    """Keep numeric libraries to the trial's cores; they read these before they start threads."""
    return {name: str(cpus) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass
class TrialRunner:
    """Runs trials in a training process and turns what it says into reports; lives as long as the worker."""

    context: RunContext
    node: str
    _process: TrainingProcess | None = None
    _spec: TrialSpec | None = None
    _deaths: int = 0
    _events: list[str] = field(default_factory=list)
    _waits: bool = False

    def begin(self, spec: TrialSpec) -> None:
        """Hand a trial to the process; whatever ran before is told to stop."""
        if self._process is not None and self._waits:
            self._tell("stop")
        self._spec, self._deaths = spec, 0
        self._start()

    def _start(self) -> None:
        if self._process is None:
            self._process = TrainingProcess(self.context)
        self._process.trials += 1
        self._waits = False
        self._tell(self._spec)

    def _tell(self, message: object) -> None:
        assert self._process is not None
        # A pipe that is broken is dealt with by the next reading.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.link.send(message)
        if message == "stop":
            self._waits = False

    def proceed(self) -> Report:
        """Train on until there is something to report: epochs, a rung, the end."""
        assert self._spec is not None
        if self._waits:
            self._waits = False
            self._tell("go")
        report = Report(self._spec.trial_id)
        while True:
            try:
                if self._read(report):
                    break
            except ProcessDied as death:
                if self._bury(str(death), report):
                    break
        report.events, self._events = [*self._events, *report.events], []
        return report

    def _read(self, report: Report) -> bool:
        """Take one message into the report; True when the report should go out."""
        process = self._process
        assert process is not None
        try:
            if not process.link.poll(self.context.trial_timeout_s):
                raise ProcessDied(f"gave no report for {self.context.trial_timeout_s:g} s")
            message = process.link.recv()
        except (EOFError, ConnectionResetError, BrokenPipeError, OSError):
            raise ProcessDied(process.exit_text()) from None
        report.node, report.worker = self.node, f"{self.node}:{process.pid}"
        if isinstance(message, Ending):
            report.end = message
            message.output = process.output()
            self._recycle_if_due(message, report)
            return True
        kind, *content = message
        if kind == "started":
            report.started_at = content[0]
            return False
        epochs: list[Metrics] = content[0]
        report.epochs.extend(epochs)
        self._waits = report.waits = bool(content[1])
        if report.waits:
            report.output = process.output()
        return True

    def _bury(self, how: str, report: Report) -> bool:
        """After a death: begin the trial again from its checkpoint, or fail it; True when the report should go out."""
        assert self._process is not None
        assert self._spec is not None
        worker = f"{self.node}:{self._process.pid}"
        hung = how.startswith("gave")
        output = self._process.output()
        self.close()
        report.worker, report.node = worker, self.node
        if (Path(self.context.experiment) / CLOSING).exists():
            report.end = Ending("interrupted")
            return True
        self._deaths += 1
        report.events.append(f"worker {worker} {how} in trial {self._spec.trial_id}")
        if self._deaths < self.context.attempts and not hung:
            self._start()
            return False
        times = "" if self._deaths == 1 else f", {self._deaths} times"
        report.end = Ending("failed", error=f"its training process {how}{times}", output=output)
        return True

    def _recycle_if_due(self, ending: Ending, report: Report) -> None:
        assert self._process is not None
        context, trials = self.context, self._process.trials
        if trials < context.recycle_trials and ending.resident_bytes < context.recycle_bytes:
            return
        why = f"after {trials} trials with {ending.resident_bytes / 2**20:.0f} MiB"
        report.events.append(f"recycled worker {report.worker} {why}")
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._waits = False
