"""The worker: a thin Ray actor that Tune keeps warm; the training itself is in its child process."""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from search.cluster.closing import watcher
from search.cluster.nodes.fork_servers import server_on
from search.experiment.manifest import MANIFEST
from search.trial.messages import SearchContext, TrialSpec
from search.trial.orphans import die_with_parent
from search.trial.runner import TrialRunner

if TYPE_CHECKING:
    from search.cluster.nodes.checks import NodeView  # It brings Arrow, which workers can do without.

WAIT_S = 0.05
"""How long a worker without a trial waits before it asks whether there is one."""
RESERVED_WAIT_S = 0.5
"""The same for a worker that only keeps its place and is to get none."""


def _absent(*_: object, **__: object) -> Any:
    """Stand for a method of Tune's trainable that no worker has."""
    raise NotImplementedError


def _expected_by_tune() -> Any:
    """What Tune wants a trainable to be a subclass of, in the driver; nothing in a worker, whose process does without.

    Ray sends an actor's class with the methods that it inherits. Tune's own would have every worker import Tune, for
    half a second of a core and 80 MB. So none is inherited: a worker has the few that Tune calls.
    """
    if ray._private.worker.global_worker.mode == ray.WORKER_MODE:
        return object
    from ray.tune import Trainable  # noqa: PLC0415  # see above

    methods = [name for name, found in vars(Trainable).items() if inspect.isfunction(found)]
    return type("ExpectedByTune", (Trainable,), dict.fromkeys(methods, _absent))


_Expected: Any = _expected_by_tune()


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


class Worker(_Expected):
    """Runs one trial after another. A trial's failure is a report, so that for Tune only a lost actor is an error."""

    def __init__(self, config: dict[str, Any], storage: None = None) -> None:
        """Called once by Tune. The training process starts here, where no fork server gives one with the first trial.

        On a node whose id is not among the `checked` ones of the configuration the worker tells what the node sees
        before it trains; None: nodes need no check. `storage` is Tune's, which keeps nothing here.
        """
        die_with_parent()
        context = _on_this_node(config["context"], config["checked"])
        node = ray.util.get_node_ip_address()
        self._runner = TrialRunner(context, node, config["spec"].shape, closing=watcher(context))
        self._wait_s = WAIT_S
        self._num_results = 0
        self._started: WorkerStarted | None = self._describe(node, context, config["checked"])
        if context.fork_server is None:
            self._runner.prepare()
        self.take(config["spec"])

    def _describe(self, node: str, context: SearchContext, checked: tuple[str, ...] | None) -> WorkerStarted:
        me = ray.get_runtime_context()
        asked = checked is None or me.get_node_id() in checked
        view = None if asked else _look(node, context)
        return WorkerStarted(me.current_actor, me.get_node_id(), tuple(map(str, ray.get_gpu_ids())), view)

    def get_auto_filled_metrics(self, **_: object) -> dict[str, Any]:
        """Nothing: what Tune shows of a trainable that has no result yet."""
        return {}

    def take(self, spec: TrialSpec) -> None:
        """Take the next trial, from the driver itself: a training process that is there begins it at once.

        Nothing that can fail happens here: `step` starts other processes, and reports failures.
        """
        self._spec: TrialSpec | None = spec
        self._waits = False
        if self._runner.has_process and self._may_train:
            self._begin(spec)

    def hold(self, spec: TrialSpec) -> None:
        """Hold the trial that follows the present one, which the training process begins without being told."""
        self._runner.hold(spec)

    def go_on_to_held(self) -> None:
        """End the trial that waits for a decision: the held one follows."""
        self._runner.go_on_to_held()

    def _begin(self, spec: TrialSpec) -> None:
        self._runner.begin(spec)
        self._spec = None

    @property
    def _may_train(self) -> bool:
        """Whether the driver need not look first at what this node sees."""
        return self._started is None or self._started.view is None

    def wait(self) -> None:
        """Do nothing until `take`; a trial that waits for a decision is stopped."""
        self._runner.stop()
        self._spec, self._waits = None, True

    def reserve_place(self) -> None:
        """Stay here without a trial, so that Ray gives the place to no other worker."""
        self.wait()
        self._runner.close()
        self._wait_s = RESERVED_WAIT_S

    def train(self) -> dict[str, Any]:
        """Train until there is something to report: what Tune calls a result."""
        self._num_results += 1
        return {**self.step(), "done": False, "training_iteration": self._num_results}

    def step(self) -> dict[str, Any]:
        """Train until there is something to report; without a trial, wait a little."""
        if self._started is not None:
            started, self._started = self._started, None
            return {"report": None, "started": started}
        if self._waits:
            time.sleep(self._wait_s)
            return {"report": None}
        if self._spec is not None:
            self._begin(self._spec)
        return {"report": self._runner.proceed()}

    def stop(self) -> None:
        """End the training process: the actor ends."""
        self._runner.close()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """What Ray keeps for the worker of a configuration."""
        from ray.tune.execution.placement_groups import resource_dict_to_pg_factory  # noqa: PLC0415  # as above

        return resource_dict_to_pg_factory(resources_of(config))


def _on_this_node(context: SearchContext, checked: tuple[str, ...] | None) -> SearchContext:
    """The context with the fork server of this node of a cluster; a node that has joined since has none."""
    if context.fork_server is None or checked is None:
        return context
    node_id = ray.get_runtime_context().get_node_id()
    server = server_on(context.fork_server, node_id) if node_id in checked else None
    return dataclasses.replace(context, fork_server=server)


def _look(node: str, context: SearchContext) -> NodeView:
    from search.cluster.nodes.checks import look  # noqa: PLC0415  # needed on nodes that join later only, and brings Arrow

    return look(node, context.data_dir, str(Path(context.experiment) / MANIFEST))


def resources_of(config: dict[str, Any]) -> dict[str, float]:
    """The cores and GPUs of the worker of a configuration."""
    shape = config["spec"].shape
    return {"cpu": shape.cpus, "gpu": shape.gpus}


@contextmanager
def tune_left_out() -> Iterator[None]:
    """Send workers nothing of Tune's own, which their processes would import it for, while the context lasts."""
    from ray.train._internal.storage import StorageContext  # noqa: PLC0415  # only the driver has them
    from ray.tune.experiment.trial import _TrialInfo  # noqa: PLC0415  # likewise

    kinds = (StorageContext, _TrialInfo)
    for kind in kinds:
        ray.util.register_serializer(kind, serializer=_nothing, deserializer=_nothing)
    try:
        yield
    finally:
        for kind in kinds:
            ray.util.deregister_serializer(kind)


def _nothing(_: object) -> None:
    return None
