"""One training process, as its worker holds it: started, heard, its output read, ended."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket, socketpair

from search.space.per_trial import Shape
from search.trial.child import LARGEST_HELD, end_of_output, take_held
from search.trial.forking.forked import ForkedProcess
from search.trial.gpu import Budget
from search.trial.messages import ProcessResources, SearchContext, TrialSpec, WorkerId


class Death(Enum):
    """Why a training process did not live to the end of its trial."""

    CRASHED = "crashed"
    """It ended or was killed."""
    HUNG = "hung"
    """It gave no report within the time limit."""
    LOST_GPU = "lost GPU"
    """It can no longer use its GPU."""


class ProcessDied(Exception):
    """The training process died in the middle of a trial; the text says how, as a sentence's predicate."""

    def __init__(self, cause: Death, how: str) -> None:
        super().__init__(how)
        self.cause = cause


class TrainingProcess:
    """One child process, the pipe to it, and the hand from which it takes its next trial without asking."""

    def __init__(self, context: SearchContext, node: str, shape: Shape, gpu: Budget | None = None) -> None:
        """`gpu` is what it may take of each GPU's memory; None where it has none, or that could not be measured."""
        self.trials = 0
        """How many trials it has begun."""
        self.own_bytes: int | None = None
        """Its memory after its first trial."""
        self._output = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  # closed by `kill`
        resources = ProcessResources(max(1, int(shape.cpus)), shape.gpus, gpu.limit_mib if gpu else None)
        ours, theirs = socketpair()
        self._into_hand, self._hand = socketpair(AF_UNIX, SOCK_DGRAM)
        environment = {**training_environment(context.import_path, resources), **_gpu_settings(resources.gpus, gpu)}
        self._process = _started(context, resources, environment, (theirs, self._hand), self._output.fileno())
        theirs.close()
        self.id = WorkerId(node, self._process.pid)
        self.link = Connection(ours.detach())
        self.link.send((context, resources))

    def tell(self, message: object) -> None:
        """Send it something; that its pipe is broken shows when it is read from next."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.link.send(message)

    def hold(self, spec: TrialSpec) -> bool:
        """Hold a trial that it takes as soon as it has ended the one before; False where it is too large to be held."""
        held = pickle.dumps(spec)
        if len(held) > LARGEST_HELD:
            return False
        self._into_hand.send(held)
        return True

    def take_back(self) -> bool:
        """Take back the trial that is held; False where there is none, or the process has begun it."""
        return take_held(self._hand) is not None

    def hear(self) -> object:
        """Its next message, which is waited for; raises ProcessDied where it has ended."""
        try:
            return self.link.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ProcessDied(Death.CRASHED, how) from None

    def output(self) -> str:
        """The end of what the trial has printed to its standard output and error so far."""
        return end_of_output(self._output.fileno())

    def end(self, patience_s: float) -> None:
        """Let the process end by itself, when it has done what it was told; kill it when that takes too long."""
        self.link.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.wait()
        self.link.close()
        self._into_hand.close()
        self._hand.close()
        self._output.close()


def _started(
    context: SearchContext,
    resources: ProcessResources,
    environment: dict[str, str],
    sockets: tuple[socket, socket],
    output: int,
) -> subprocess.Popen[bytes] | ForkedProcess:
    """A process that serves trials at its sockets: forked, where there is a server for its cores, else a new one."""
    server = context.fork_server
    if server is not None and not resources.gpus and server.cpus == resources.cpus:
        with contextlib.suppress(OSError):
            return ForkedProcess(server, environment, sockets, output)
    descriptors = [each.fileno() for each in sockets]
    return subprocess.Popen(
        [sys.executable, "-m", "search.trial.child", *map(str, descriptors)],
        pass_fds=descriptors,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


def import_path() -> tuple[str, ...]:
    """The folders from which this process imports."""
    return tuple(str(Path(entry or ".").resolve()) for entry in sys.path if not entry.endswith(".zip"))


def is_training(pid: int) -> bool:
    """Whether the process of that id is a training process; raises OSError where there is none."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"search.trial.child" in command or b"search.trial.forking.server" in command


def training_environment(import_path: Sequence[str], resources: ProcessResources) -> dict[str, str]:
    """The environment of a process that trains: where it imports from, and as many threads as it may use cores."""
    folders = dict.fromkeys(filter(None, [*import_path, *sys.path]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    # Numeric libraries read these before they start threads, and keep to the trial's cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[name] = str(resources.cpus)
    return environment


def _gpu_settings(gpus: float, gpu: Budget | None) -> dict[str, str]:
    """What frameworks read before they touch a GPU, for trainables that set nothing themselves."""
    if not gpus:
        return {}
    settings = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # Numbers then mean the same to CUDA, nvidia-smi and Ray.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # TensorFlow would take the whole GPU at once.
    }
    if gpu is not None and gpus < 1:
        settings["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{gpu.limit_mib / gpu.total_mib:.2f}"
    return settings
