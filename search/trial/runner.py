"""Runs a worker's trials in its training process, which is replaced when it dies, hangs, grows or loses its GPU."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from search.errors import SearchError
from search.experiment.states import TrialState
from search.space.per_trial import Shape
from search.trial.gpu import Budget, Card, budget, read_cards, visible_cards, wait_until_free
from search.trial.messages import CLOSING, ONE_CORE, Began, Command, Epochs, Report, SearchContext, TrialEnd, TrialSpec
from search.trial.process import Death, ProcessDied, TrainingProcess

CLOSING_GENERATOR_S = 5.0
"""Longest wait for a stopped trial's `finally` clauses when its process ends."""
ASK_EVERY_S = 0.2
"""How often a worker looks whether the search is being closed."""
HOLD_S = 1.0
"""Longest time for which a trial is held for a process that trains another."""


class GpuLost(Exception):
    """Every training process of this worker loses its GPU: another worker may get another one."""


@dataclass
class TrialRunner:
    """Turns what a training process says into reports; lives as long as the worker, longer than the process."""

    context: SearchContext
    node: str
    """Address of this node."""
    shape: Shape = ONE_CORE
    """Cores and GPUs of the worker, and so of each of its trials."""
    cards: Callable[[], Sequence[Card]] = read_cards
    """Tells the GPUs of this machine."""
    closing: Callable[[], bool] | None = None
    """Tells whether the search is being closed; None: a file in the experiment folder does."""
    _process: TrainingProcess | None = None
    _spec: TrialSpec | None = None
    _held: TrialSpec | None = None
    """The trial that follows without a word of the driver; the process may have begun it already."""
    _too_large: bool = False
    """Whether the trial that was to be held could not be."""
    _begun_at: float = 0.0
    """When the present trial was taken up, by `time.monotonic`."""
    _work_began: float | None = None
    """When its training process began with it, by the same clock; None once that was reported."""
    _deaths: int = 0
    """How many training processes have died in the trial."""
    _events: list[str] = field(default_factory=list)
    _waits: bool = False
    """Whether the trial waits for a decision."""
    _stops: bool = False
    """Whether the trial was told to stop: its generator may still be closing."""
    _closed: bool = False
    """Whether the training process knows that the search is being closed."""
    _asked: float = 0.0
    _refusal: str | None = None
    """Why no training process can be started here for the trial."""

    @property
    def has_process(self) -> bool:
        """Whether there is a training process, so that `begin` only sends it a message."""
        return self._process is not None

    def prepare(self) -> None:
        """Start a training process before there is a trial for it, where nothing has to be waited for.

        It then imports what trials need. What fails here is left to `begin`, which can say so.
        """
        with suppress(SearchError, OSError):
            if self._gpu_is_free():
                self._process = self._new_process()

    def begin(self, spec: TrialSpec) -> None:
        """Hand a trial to the training process; a trial that waits for a decision is told to stop."""
        self.stop()
        self._take_up(spec)
        self._start()

    def hold(self, spec: TrialSpec) -> None:
        """Hold the trial that follows the present one: the process goes on with it by itself, whatever that one's end.

        It is given back where the present one takes longer than `HOLD_S`, and dropped when the search is being closed.
        """
        self._held = spec
        self._fill_hand()

    def _fill_hand(self) -> None:
        if self._process is not None and self._held is not None and not self._process.hold(self._held):
            self._held, self._too_large = None, True

    def go_on_to_held(self) -> None:
        """End the trial that waits for a decision; the held one follows."""
        assert self._held is not None
        self.stop()
        self._take_up(self._held)

    def _take_up(self, spec: TrialSpec) -> None:
        self._spec, self._held, self._deaths, self._refusal = spec, None, 0, None
        self._waits = self._closed = False
        self._asked, self._begun_at = 0.0, time.monotonic()  # `proceed` looks at once whether the search is closed.

    def stop(self) -> None:
        """Tell a trial that waits for a decision to stop: its generator is closed."""
        if self._process is not None and self._waits:
            self._process.tell(Command.STOP)
            self._waits, self._stops = False, True

    def _start(self) -> None:
        """Hand over the trial, to a new process where there is none."""
        if self._process is None:
            try:
                self._process = self._new_process()
            except SearchError as error:
                self._refusal = str(error)
                return
            self._fill_hand()
        self._waits = self._closed = self._stops = False
        self._process.tell(self._spec)
        self._asked = 0.0

    def _new_process(self) -> TrainingProcess:
        return TrainingProcess(self.context, self.node, self.shape, self._gpu())

    def _gpu_is_free(self) -> bool:
        """Whether the next training process need not wait for the memory of a GPU."""
        if not self.shape.gpus:
            return True
        cards = self._own_cards()
        gpu = budget(cards, self.shape.gpus)
        return gpu is None or gpu.limit_mib <= min(card.free_mib for card in cards)

    def _gpu(self) -> Budget | None:
        """What the next training process may take of each GPU; waits until the memory of the one before is free."""
        if not self.shape.gpus:
            return None
        gpu = budget(self._own_cards(), self.shape.gpus)
        if gpu is None:
            self._events.append(f"{self.node}: the memory of its GPUs cannot be told (no nvidia-smi); none is limited")
            return None
        late = wait_until_free(gpu.limit_mib, lambda: min((card.free_mib for card in self._own_cards()), default=None))
        if late:
            self._events.append(f"a worker on {self.node} starts although {late}")
        return gpu

    def _own_cards(self) -> Sequence[Card]:
        return visible_cards(self.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))

    def proceed(self) -> Report:
        """Train on until there is something to report: epochs, the wait for a decision, the end.

        Raises GpuLost when the trial's processes have lost their GPU as often as it may be begun.
        """
        assert self._spec is not None
        if self._process is None and self._refusal is None:
            self._start()
        if self._waits and self._process is not None:
            self._waits = False
            self._process.tell(Command.GO_ON)
        report = Report(self._spec.trial_id, node=self.node, gives_back=self._too_large)
        self._too_large = False
        while True:
            try:
                if self._take_message(report):
                    break
            except ProcessDied as death:
                if self._take_death(death, report):
                    break
        report.events, self._events = [*self._events, *report.events], []
        if self._work_began is not None:
            report.begun_s_ago, self._work_began = time.monotonic() - self._work_began, None
        if report.end is not None and self._held is not None:
            self._take_up(self._held)
        return report

    def _take_message(self, report: Report) -> bool:
        """Take one message into the report; True when the report should go out."""
        if self._refusal is not None:
            report.end = TrialEnd(TrialState.FAILED, error=self._refusal)
            return True
        process = self._process
        assert process is not None
        report.worker = process.id
        if not self._wait_for_message(process):
            report.gives_back = True
            return True
        message = process.hear()
        if isinstance(message, Began):
            assert self._spec is not None
            assert message.trial_id == self._spec.trial_id
            process.trials += 1
            self._stops = False  # What was told to stop before has ended.
            self._work_began = message.at
            return False
        if isinstance(message, Epochs):
            report.epochs.extend(message.metrics)
            report.facts |= message.facts
            self._waits = report.waits = message.waits
            if report.waits:
                report.output = process.output()
            return not message.last
        assert isinstance(message, TrialEnd)
        if message.lost_gpu:
            raise ProcessDied(Death.LOST_GPU, f"lost its GPU ({message.error})")
        report.end = message
        self._recycle_if_due(process, message, report)
        return True

    def _wait_for_message(self, process: TrainingProcess) -> bool:
        """Wait, and tell the process meanwhile when the search is being closed; raises ProcessDied when it hangs.

        False: there is none, but the trial takes so long that the held one goes back.
        """
        limit, waited = self.context.trial_timeout_s, 0.0
        while limit is None or waited < limit:
            now = time.monotonic()
            if not self._closed and now - self._asked >= ASK_EVERY_S:
                self._pass_on_closing(process)
            wait_s = ASK_EVERY_S if limit is None else min(ASK_EVERY_S, limit - waited)
            if process.link.poll(wait_s):
                return True
            waited += wait_s  # By the clock, time in which all stood still, by Ctrl-Z or with the machine, would count.
            if now - self._begun_at > HOLD_S and self._drop_held():
                return False
        raise ProcessDied(Death.HUNG, f"gave no report for {limit:g} s")

    def _pass_on_closing(self, process: TrainingProcess) -> None:
        self._closed, self._asked = self._is_closing(), time.monotonic()
        if self._closed:
            self._drop_held()
            process.tell(Command.CLOSE)

    def _drop_held(self) -> bool:
        """Hold no trial any more; False where there is none, or the process has begun it."""
        if self._held is None or (self._process is not None and not self._process.take_back()):
            return False
        self._held = None
        return True

    def _is_closing(self) -> bool:
        return self.closing() if self.closing is not None else (Path(self.context.experiment) / CLOSING).exists()

    def _take_death(self, death: ProcessDied, report: Report) -> bool:
        """Begin the trial again from its checkpoint, or fail it; True when the report should go out."""
        assert self._process is not None
        assert self._spec is not None
        report.worker, output = self._process.id, self._process.output()
        self.close()
        if self._is_closing():
            report.end = TrialEnd(TrialState.INTERRUPTED)
            return True
        self._deaths += 1
        report.events.append(f"worker {report.worker} {death} in trial {self._spec.trial_id}")
        if self._deaths < self.context.attempts and death.cause is not Death.HUNG:
            self._spec = dataclasses.replace(self._spec, begun=True)
            self._start()
            return False
        if death.cause is Death.LOST_GPU:
            raise GpuLost(report.events[-1])
        times = "" if self._deaths == 1 else f", {self._deaths} times"
        report.end = TrialEnd(TrialState.FAILED, error=f"its training process {death}{times}", output=output)
        return True

    def _recycle_if_due(self, process: TrainingProcess, end: TrialEnd, report: Report) -> None:
        """End a process that has run out of memory or grown too much; the next trial starts another."""
        if process.own_bytes is None:
            process.own_bytes = end.own_bytes
        grown = end.own_bytes - process.own_bytes
        if end.out_of_memory:
            why = "which ran out of memory"  # What it holds, or has left in pieces, would fail the next trial too.
        elif grown > self.context.recycle_bytes:
            why = f"which has grown by {grown / 2**20:.0f} MiB in {process.trials} trials"
        else:
            return
        report.events.append(f"recycled worker {report.worker} {why}")
        self.close()

    def close(self) -> None:
        """End the process, once the generator of a trial that waits for a decision, or was stopped, is closed."""
        self.stop()
        if self._process is not None:
            if self._stops:
                self._process.end(CLOSING_GENERATOR_S)
            else:
                self._process.kill()
            self._process = None
        self._waits = self._stops = False
