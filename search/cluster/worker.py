"""The worker: a thin Ray actor that Tune keeps warm; the training itself is in its child process."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.cluster.closing import watcher
from search.cluster.nodes import NodeView, look
from search.experiment.manifest import MANIFEST
from search.trial.messages import RunContext, TrialSpec
from search.trial.orphans import die_with_parent
from search.trial.process import TrialRunner

REST_S = 0.05
"""How long a worker without a trial rests before it asks whether there is one."""


PARKED_S = 0.5
"""The same for one that is to get none."""


@dataclass(frozen=True)
class Arrival:
    """What a worker that has started tells first, before any training."""

    worker: Any
    """Its actor's handle."""
    node_id: str
    gpu_ids: tuple[str, ...]
    view: NodeView | None
    """What its node sees; None where that was asked before."""


class Worker(tune.Trainable):
    """One slot of the search. Every failure of a trial is a report, so that for Tune only a lost actor is an error."""

    def setup(self, config: dict[str, Any], context: RunContext, checked: tuple[str, ...] | None = None) -> None:
        """Called once; the training process starts with the first trial.

        On a node that is not among the `checked` it tells what the node sees before it trains; None: nodes need no
        check.
        """
        die_with_parent()
        shape = config["shape"]
        context = dataclasses.replace(context, cpus=max(1, int(shape.cpus)), gpus=shape.gpus)
        node = ray.util.get_node_ip_address()
        self._runner, self._rest_s = TrialRunner(context, node), REST_S
        self._arrival: Arrival | None = self._arrive(node, context, checked)
        self._runner.closing = watcher(context)
        self.take(config["spec"])

    def _arrive(self, node: str, context: RunContext, checked: tuple[str, ...] | None) -> Arrival:
        me = ray.get_runtime_context()
        asked = checked is None or me.get_node_id() in checked
        view = None if asked else look(node, context.data_dir, str(Path(context.experiment) / MANIFEST))
        return Arrival(me.current_actor, me.get_node_id(), tuple(map(str, ray.get_gpu_ids())), view)

    def take(self, spec: TrialSpec) -> None:
        """Take the next trial, from the driver itself. Nothing that can fail happens here: `step` reports failures."""
        self._spec: TrialSpec | None = spec
        self._resting = False

    def rest(self) -> None:
        """Do nothing until `take`; a trial that waits for a decision hears with the next one that it was stopped."""
        self._spec, self._resting = None, True

    def park(self) -> None:
        """Stay here without a trial, so that Ray gives the place to no other worker."""
        self.rest()
        self._rest_s = PARKED_S

    def step(self) -> dict[str, Any]:
        """Train until there is something to report."""
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            return {"report": None, "arrival": arrival}
        if self._resting:
            time.sleep(self._rest_s)
            return {"report": None}
        if self._spec is not None:
            self._runner.begin(self._spec)
            self._spec = None
        return {"report": self._runner.proceed()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: trials save themselves into the experiment folder, where a resumed search finds it."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

    def cleanup(self) -> None:
        """The actor ends, and its training process with it."""
        self._runner.close()
