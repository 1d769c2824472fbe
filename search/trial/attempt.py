"""One attempt at one trial, inside the training process: epochs, decisions, checkpoints, the model that is kept."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from search.errors import SearchError, is_pruning
from search.experiment.atomic import DiskRefuses
from search.experiment.states import TrialState
from search.goals import Goals
from search.stopping.fidelity import comparable
from search.trial.checkpoints import REPORTED, trial_storage
from search.trial.messages import (
    Began,
    Command,
    Epochs,
    Metrics,
    ProcessResources,
    SearchContext,
    TrialEnd,
    TrialSpec,
    as_metrics,
)
from search.trial.out_of_memory import exhausted_line, lost_gpu, out_of_memory
from search.trial.reads import Config
from search.wording import did_you_mean, one_line
from trainables.errors import ConstraintViolated, ContentDiffers, TrainableError, TrialDiverged
from trainables.trial import Trial, check_loss

SAVING_SHARE = 0.1
"""Checkpoints are saved so rarely that saving takes no larger share of the time."""

Trainable = Callable[[dict[str, object], Trial], Generator[Mapping[str, Any], None, None]]


class _Stopped(Exception):
    """The stopping rule ended the trial."""


class _Interrupted(Exception):
    """The search is being closed; the trial has saved what continues it."""


def run_attempt(
    trainable: Trainable, spec: TrialSpec, context: SearchContext, resources: ProcessResources, link: Connection
) -> TrialEnd | None:
    """Train until the trial ends; None when the stopping rule ended it. Every exception becomes a failed trial."""
    attempt = Attempt(spec, context, resources, link)
    generator = None
    try:
        attempt.begin()
        generator = _generator(trainable(attempt.config, attempt.trial))
        _dump_stack_if_it_hangs(context)
        for metrics in generator:
            attempt.take(metrics)
            _dump_stack_if_it_hangs(context)
        return attempt.complete()
    except _Stopped:
        return None
    except (_Interrupted, DiskRefuses) as reason:
        attempt.tell_held()
        return TrialEnd(TrialState.INTERRUPTED, unwritten=reason.number if isinstance(reason, DiskRefuses) else None)
    except ConstraintViolated:
        return attempt.not_trained()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # SystemExit too: a trial that calls exit() fails, and takes nothing along.
        if is_pruning(error):
            return attempt.pruned()
        attempt.tell_held()
        return _failed(error, spec, resources)
    finally:
        if generator is not None:
            with contextlib.suppress(Exception):
                generator.close()


def _generator(returned: Any) -> Generator[Mapping[str, Any], None, None]:
    """What a trainable gave, if it can be run epoch by epoch; raises TrainableError with what to write instead."""
    if isinstance(returned, Iterable) and not isinstance(returned, (Mapping, str)):
        return returned  # type: ignore[return-value]  # Any iterator does, but that only a generator can be closed.
    kind = "nothing" if returned is None else f"a {type(returned).__name__}"
    raise TrainableError(
        f"the trainable returned {kind}; expected a generator, which yields a dict of metrics after each epoch. "
        "Write `yield` in place of `return`."
    )


def _dump_stack_if_it_hangs(context: SearchContext) -> None:
    """Have the stack printed if the next epoch takes so long that the worker will soon end this process."""
    if context.trial_timeout_s:
        faulthandler.dump_traceback_later(context.trial_timeout_s * 0.95)


def _failed(error: BaseException, spec: TrialSpec, resources: ProcessResources) -> TrialEnd:
    text = one_line(error)
    is_for_the_user = isinstance(error, TrainableError | SearchError) and text
    line = text if is_for_the_user else f"{type(error).__name__}: {text}".rstrip(": ")
    exhausted = out_of_memory(error)
    if exhausted:
        line = exhausted_line(exhausted, spec.config, resources.gpus, resources.gpu_memory_mib)
    return TrialEnd(
        TrialState.FAILED,
        error=line[:500],
        diverged=isinstance(error, TrialDiverged),
        traceback="".join(traceback.format_exception(error)),
        out_of_memory=exhausted is not None,
        lost_gpu=resources.gpus > 0 and lost_gpu(error),
        other_content=isinstance(error, ContentDiffers),
    )


class Attempt:
    """Takes the metrics of a running trial one by one, reports them, and saves what must be saved."""

    def __init__(self, spec: TrialSpec, context: SearchContext, resources: ProcessResources, link: Connection) -> None:
        self._spec, self._context, self._link = spec, context, link
        self._storage = trial_storage(context)
        self._closing = False
        self._epochs: list[Metrics] = []
        self._held: list[Metrics] = []
        self._summary: Metrics = {}
        self._told: dict[str, str] = {}
        """The trainable's facts that the worker knows."""
        self._goals = context.goals or Goals(context.metric, context.mode)
        self._last_save = self._last_report = time.monotonic()
        self._save_every_s = context.checkpoint_every_s
        self._before = spec.parent.epoch if spec.parent is not None else 0
        """Epochs that are its parent's."""
        self.config = Config(spec.config)
        self.trial = Trial(
            asked=dict(context.asked),
            seed=spec.seed,
            split_seed=context.split_seed,
            data_dir=Path(context.data_dir) if context.data_dir else None,
            cpus=resources.cpus,
            gpus=resources.gpus,
            gpu_memory_mib=resources.gpu_memory_mib,
            growth=spec.growth,
            contents=context.contents,
            refits=context.refits,
            hear=self.hear,
        )
        link.send(Began(spec.trial_id, time.monotonic()))

    def begin(self) -> None:
        """Find what the training goes on from: a checkpoint of its own, else its parent's. Raises SearchError."""
        parent, own = self._spec.parent, self._storage.latest(self._spec.trial_id, self._spec.begun)
        self.trial.checkpoint = own
        if own is not None:
            self._replay(json.loads((own / REPORTED).read_text()))
        elif parent is not None:
            self.trial.checkpoint, self.trial.inherits = self._storage.at(parent.trial_id, parent.epoch), True
            if self.trial.checkpoint is None:
                raise SearchError(
                    f"it goes on from trial {parent.trial_id} after epoch {parent.epoch}, whose checkpoint this node "
                    "does not find; expected a folder of results that all nodes share, or an object store."
                )

    def _replay(self, epochs: list[Metrics]) -> None:
        """Report again what led to the checkpoint, which a driver that died may lack; members of populations wait."""
        self._epochs = epochs
        self._held = list(epochs)
        self._flush(waits=self._context.interval is not None and self._at_rung(int(epochs[-1]["epoch"])))

    def hear(self, metrics: Mapping[str, Any]) -> None:
        """Note what is known before the first epoch; raises ConstraintViolated where that is enough to know."""
        self._summary |= as_metrics(metrics)
        violated = self._goals.violated(self._summary)
        if violated is not None:
            raise ConstraintViolated(violated)

    def take(self, metrics: Mapping[str, Any]) -> None:
        """One yield of the trainable: an epoch, or the summary of a completed trial."""
        values = as_metrics(metrics, after=self._epochs[-1]["epoch"] if self._epochs else 0)
        if self._context.metric not in values and "epoch" not in values and self._is_summary(values):
            self._summary |= values
            return
        self._check(values)
        values.setdefault("epoch", self._before + len(self._epochs) + 1)
        self._epochs.append(values)
        self._held.append(values)
        rung = self._at_rung(int(values["epoch"]))
        self._save_if_due(rung)
        now = time.monotonic()
        if rung or now - self._last_report >= self._context.report_every_s:
            self._flush(waits=rung)

    def _is_summary(self, values: Metrics) -> bool:
        return any(name.startswith("test_") or name in self._goals.needed for name in values)

    def _check(self, values: Metrics) -> None:
        metric = self._context.metric
        if metric not in values:
            raise ValueError(
                f"the trainable yielded no {metric!r}, the metric of the space. {did_you_mean(metric, [*values])}"
            )
        epoch = int(values.get("epoch", self._before + len(self._epochs) + 1))
        check_loss(values, epoch, self._epochs[0].get("loss") if self._epochs else None, metric)

    def _at_rung(self, epoch: int) -> bool:
        if not self._spec.decides:
            return False
        return self._context.rungs is None or epoch in self._context.rungs

    def _flush(self, waits: bool, last: bool = False) -> None:
        """Send the held epochs; with `waits`, wait for the decision and raise `_Stopped` if that is the end.

        `last`: the trial's end follows.
        """
        self._told = dict(self.trial.facts)
        self._link.send(Epochs(self._held, waits, self._told, last))
        self._held = []
        self._last_report = time.monotonic()
        if waits and self._decision() is not Command.GO_ON:
            raise _Stopped

    def _decision(self) -> object:
        """The worker's next command but CLOSE, which is only noted."""
        while (command := self._link.recv()) is Command.CLOSE:
            self._closing = True
        return command

    def _save_if_due(self, rung: bool) -> None:
        if self._link.poll() and self._link.recv() is Command.CLOSE:  # No other comes while a trial does not wait.
            self._closing = True
        begun = time.monotonic()
        due = self._pauses(rung) or begun - self._last_save >= self._save_every_s
        if self.trial.save is not None and (due or self._closing):
            kept = self._context.kept_from(int(self._epochs[-1]["epoch"]))
            self._storage.save(self._spec.trial_id, self._epochs, self.trial.save, kept)
            self._last_save = time.monotonic()
            took = self._last_save - begun
            self._save_every_s = max(self._context.checkpoint_every_s, took / SAVING_SHARE)
        if self._closing:
            self._flush(waits=False, last=True)
            raise _Interrupted

    def tell_held(self) -> None:
        """Send what is held back of a trial that ends."""
        if self._held or self._told != self.trial.facts:
            self._flush(waits=False, last=True)

    def _pauses(self, rung: bool) -> bool:
        """Whether it is paused after this epoch; raises TrainableError where it could then not go on."""
        if not rung or self._context.interval is None:
            return False
        if self.trial.save is None:
            reason = self.trial.facts.get("engine_reason", "its trainable sets no `save`")
            raise TrainableError(f"this training cannot be gone on with, which a population needs: {reason}.")
        return True

    def pruned(self) -> TrialEnd:
        """The trainable ends its trial, as Optuna's users do, by raising TrialPruned."""
        self.tell_held()
        return TrialEnd(TrialState.PRUNED)

    def not_trained(self) -> TrialEnd:
        """A constraint of the search is violated by what is known before the first epoch."""
        return TrialEnd(TrialState.PRUNED, summary=self._summary)

    def complete(self) -> TrialEnd:
        """The trainable has ended by itself: send what is held back, keep the model if it is among the best."""
        if not self._epochs:
            hint = f" {did_you_mean(self._context.metric, [*self._summary])}" if self._summary else ""
            raise ValueError(f"the trainable ended without yielding metrics of an epoch.{hint}")
        self.tell_held()
        measured = {**self._epochs[-1], **self._summary}
        for name in self._goals.needed:
            if name not in measured:
                raise ValueError(f"the trainable yielded no {name!r}. {did_you_mean(name, [*measured])}")
        self._keep_model()
        unread = {name for name, value in self._spec.config.items() if self._context.asked.get(name, self) != value}
        return TrialEnd(
            TrialState.COMPLETE,
            unread=tuple(sorted(unread - self.config.read)),
            missed=tuple(sorted(self.config.missed)),
            added=tuple(sorted(self.config.added)),
            summary=self._summary,
        )

    def _keep_model(self) -> None:
        """Keep the model, and what it says of the test images, if the driver has said that it would be of the best."""
        sign = 1 if self._context.mode == "max" else -1
        best = max(sign * values[self._context.metric] for values in comparable(self._epochs, self._spec.growth))
        if self._spec.keep_above is not None and best <= sign * self._spec.keep_above:
            return
        for name, save in (("predictions", self.trial.save_predictions), ("classes", self.trial.save_classes)):
            if save is not None:
                self._storage.put(f"{name}/{self._spec.trial_id}.parquet", save)
        if self.trial.save_model is not None:
            self._storage.put(f"models/{self._spec.trial_id}.keras", self.trial.save_model)
