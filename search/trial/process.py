"""A worker's training process: started, spoken to, replaced when it dies, hangs or grows. Imports no Ray."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair

from search.errors import SearchError
from search.trial.gpu import Budget, Card, budget, read_cards, visible_cards, wait_until_free
from search.trial.messages import CLOSE, CLOSING, Ending, Metrics, Report, RunContext, TrialSpec

OUTPUT_BYTES = 64 << 10
"""How much of a trial's own output is kept: its end."""
LISTEN_S = 0.2
"""How often it is asked whether the search is being closed."""


class ProcessDied(Exception):
    """The training process ended, hung or lost its GPU in the middle of a trial."""


class GpuLost(Exception):
    """Every training process of this worker loses its GPU: another worker may get another one."""


class TrainingProcess:
    """One child process and the pipe to it."""

    def __init__(self, context: RunContext, gpu: Budget | None = None) -> None:
        self.trials = 0
        self.own_bytes: int | None = None
        """Its memory behind its first trial."""
        self._output = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  # closed by `kill`
        ours, theirs = socketpair()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, [*context.import_path, *sys.path]))),
        }
        environment.update(_thread_limits(context.cpus))
        if context.gpus:
            environment.update(_gpu_settings(context.gpus, gpu))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "search.trial.child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()
        self.link = Connection(ours.detach())
        self.link.send(dataclasses.replace(context, gpu_memory_mib=gpu.limit_mib if gpu else None))

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


def _gpu_settings(gpus: float, gpu: Budget | None) -> dict[str, str]:
    """What frameworks read before they touch a GPU, for trainables that set nothing themselves."""
    settings = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # Numbers then mean the same to CUDA, nvidia-smi and Ray.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # TensorFlow would take the whole card at once.
    }
    if gpu is not None and gpus < 1:
        settings["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{gpu.limit_mib / gpu.total_mib:.2f}"
    return settings


@dataclass
class TrialRunner:
    """Runs trials in a training process and turns what it says into reports; lives as long as the worker."""

    context: RunContext
    node: str
    cards: Callable[[], Sequence[Card]] = read_cards
    """Tells the GPUs of this machine."""
    closing: Callable[[], bool] | None = None
    """Tells whether the search is being closed; None: a file in the experiment folder does."""
    _process: TrainingProcess | None = None
    _spec: TrialSpec | None = None
    _deaths: int = 0
    _events: list[str] = field(default_factory=list)
    _waits: bool = False
    _closed: bool = False
    """Whether the training process knows that the search is being closed."""
    _listened: float = 0.0
    _refusal: str | None = None
    """Why no training process can be started here for the trial."""

    def begin(self, spec: TrialSpec) -> None:
        """Hand a trial to the process; whatever ran before is told to stop."""
        if self._process is not None and self._waits:
            self._tell("stop")
        self._spec, self._deaths, self._refusal = spec, 0, None
        self._start()

    def _start(self) -> None:
        if self._process is None:
            try:
                self._process = TrainingProcess(self.context, self._gpu())
            except SearchError as error:
                self._refusal = str(error)
                return
        assert self._spec is not None
        self._process.trials += 1
        self._waits = False
        self._closed, self._listened = self._is_closing(), time.monotonic()
        self._tell(dataclasses.replace(self._spec, closing=self._closed, begun=self._spec.begun or self._deaths > 0))

    def _gpu(self) -> Budget | None:
        """The budget of the next training process; waits until the memory of the one before is free."""
        if not self.context.gpus:
            return None
        gpu = budget(self._own_cards(), self.context.gpus)
        if gpu is None:
            self._events.append(f"{self.node}: the memory of its GPUs cannot be told (no nvidia-smi); none is limited")
            return None
        late = wait_until_free(gpu.limit_mib, lambda: min((card.free_mib for card in self._own_cards()), default=None))
        if late:
            self._events.append(f"a worker on {self.node} starts although {late}")
        return gpu

    def _own_cards(self) -> Sequence[Card]:
        return visible_cards(self.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))

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
        if self._refusal is not None:
            report.node, report.end = self.node, Ending("failed", error=self._refusal)
            return True
        process = self._process
        assert process is not None
        try:
            if not self._speaks(process):
                raise ProcessDied(f"gave no report for {self.context.trial_timeout_s:g} s")
            message = process.link.recv()
        except (EOFError, ConnectionResetError, BrokenPipeError, OSError):
            raise ProcessDied(process.exit_text()) from None
        report.node, report.worker = self.node, f"{self.node}:{process.pid}"
        if isinstance(message, Ending):
            if message.lost_gpu:
                raise ProcessDied(f"lost its GPU ({message.error})")
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

    def _speaks(self, process: TrainingProcess) -> bool:
        """Wait for a message, and pass on meanwhile that the search is being closed; False when the time is over."""
        limit = self.context.trial_timeout_s
        end = None if limit is None else time.monotonic() + limit
        while True:
            now = time.monotonic()
            if not self._closed and now - self._listened >= LISTEN_S:
                self._closed, self._listened = self._is_closing(), now
                if self._closed:
                    self._tell(CLOSE)
            if process.link.poll(LISTEN_S if end is None else max(0.0, min(LISTEN_S, end - now))):
                return True
            if end is not None and time.monotonic() >= end:
                return False

    def _is_closing(self) -> bool:
        return self.closing() if self.closing is not None else (Path(self.context.experiment) / CLOSING).exists()

    def _bury(self, how: str, report: Report) -> bool:
        """After a death: begin the trial again from its checkpoint, or fail it; True when the report should go out."""
        assert self._process is not None
        assert self._spec is not None
        worker = f"{self.node}:{self._process.pid}"
        hung, lost_gpu = how.startswith("gave"), how.startswith("lost")
        output = self._process.output()
        self.close()
        report.worker, report.node = worker, self.node
        if self._is_closing():
            report.end = Ending("interrupted")
            return True
        self._deaths += 1
        report.events.append(f"worker {worker} {how} in trial {self._spec.trial_id}")
        if self._deaths < self.context.attempts and not hung:
            self._start()
            return False
        if lost_gpu:
            raise GpuLost(report.events[-1])
        times = "" if self._deaths == 1 else f", {self._deaths} times"
        report.end = Ending("failed", error=f"its training process {how}{times}", output=output)
        return True

    def _recycle_if_due(self, ending: Ending, report: Report) -> None:
        assert self._process is not None
        if self._process.own_bytes is None:
            self._process.own_bytes = ending.own_bytes
        grown = ending.own_bytes - self._process.own_bytes
        if ending.out_of_memory:
            why = "which ran out of memory"  # What it holds, or has left in pieces, would fail the next trial too.
        elif grown > self.context.recycle_bytes:
            why = f"which has grown by {grown / 2**20:.0f} MiB in {self._process.trials} trials"
        else:
            return
        report.events.append(f"recycled worker {report.worker} {why}")
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._waits = False
