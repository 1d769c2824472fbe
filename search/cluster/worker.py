"""The worker: a thin Ray actor that Tune keeps warm; the training itself is in its child process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.cluster.closing import watcher
from search.cluster.nodes import NodeView, look
from search.experiment.manifest import MANIFEST
from search.trial.messages import SearchContext, TrialSpec
from search.trial.orphans import die_with_parent
from search.trial.runner import TrialRunner

WAIT_S = 0.05
"""How long a worker without a trial waits before it asks whether there is one."""
RESERVED_WAIT_S = 0.5
"""The same for a worker that only keeps its place and is to get none."""


@dataclass(frozen=True)
class WorkerStarted:
    """What a worker that has started tells first, before any training."""

    actor: Any
    """The handle of its actor."""
    node_id: str
    """Ray's id of its node."""
    gpu_ids: tuple[str, ...]
    """Ray's ids of its GPUs."""
    view: NodeView | None
    """What its node sees; None where that was asked before."""


class Worker(tune.Trainable):
    """Runs one trial after another. A trial's failure is a report, so that for Tune only a lost actor is an error."""

    def setup(self, config: dict[str, Any], context: SearchContext, checked: tuple[str, ...] | None = None) -> None:
        """Called once by Tune; the training process starts with the first trial.

        On a node whose id is not among the `checked` ones the worker tells what the node sees before it trains; None:
        nodes need no check.
        """
        die_with_parent()
        node = ray.util.get_node_ip_address()
        self._runner = TrialRunner(context, node, config["spec"].shape, closing=watcher(context))
        self._wait_s = WAIT_S
        self._started: WorkerStarted | None = self._describe(node, context, checked)
        self.take(config["spec"])

    def _describe(self, node: str, context: SearchContext, checked: tuple[str, ...] | None) -> WorkerStarted:
        me = ray.get_runtime_context()
        asked = checked is None or me.get_node_id() in checked
        view = None if asked else look(node, context.data_dir, str(Path(context.experiment) / MANIFEST))
        return WorkerStarted(me.current_actor, me.get_node_id(), tuple(map(str, ray.get_gpu_ids())), view)

    def take(self, spec: TrialSpec) -> None:
        """Take the next trial, from the driver itself. Nothing that can fail happens here: `step` reports failures."""
        self._spec: TrialSpec | None = spec
        self._waits = False

    def wait(self) -> None:
        """Do nothing until `take`; a trial that waits for a decision is stopped."""
        self._runner.stop()
        self._spec, self._waits = None, True

    def reserve_place(self) -> None:
        """Stay here without a trial, so that Ray gives the place to no other worker."""
        self.wait()
        self._wait_s = RESERVED_WAIT_S

    def step(self) -> dict[str, Any]:
        """Train until there is something to report; without a trial, wait a little."""
        if self._started is not None:
            started, self._started = self._started, None
            return {"report": None, "started": started}
        if self._waits:
            time.sleep(self._wait_s)
            return {"report": None}
        if self._spec is not None:
            self._runner.begin(self._spec)
            self._spec = None
        return {"report": self._runner.proceed()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: trials save themselves into the experiment folder, where a resumed search finds their state."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing, for the reason that `save_checkpoint` gives."""

    def cleanup(self) -> None:
        """End the training process: the actor ends."""
        self._runner.close()


def resources_of(config: dict[str, Any]) -> dict[str, float]:
    """What Ray keeps for the worker of a configuration. It stands here because workers import its module."""
    shape = config["spec"].shape
    return {"cpu": shape.cpus, "gpu": shape.gpus}
