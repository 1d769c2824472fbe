"""What driver, worker and training process tell each other, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from search.experiment.states import TrialState
from search.goals import WHOLE, Goals, is_taken
from search.space.loading import SpaceFile
from search.space.per_trial import Shape
from trainables.trial import ALL_AT_ONCE, Growth

if TYPE_CHECKING:
    from search.experiment.remote.store import Store  # It brings Arrow, which workers can do without.

Metrics = dict[str, float]
ONE_CORE = Shape(1.0, 0.0)
"""What a trial is given where nothing else is said."""
CLOSING = ".closing"
"""A file in the experiment folder that is there while the search is being closed: trials save and end."""


def as_metrics(metrics: Mapping[str, Any], after: float = 0) -> Metrics:
    """What a trainable yields, as plain numbers; raises TypeError for anything else.

    Raises ValueError for a name or a number that the row of a trial cannot have, and for an epoch that does not come
    `after` that one.
    """
    if not isinstance(metrics, Mapping):
        raise TypeError(f"the trainable yielded {type(metrics).__name__}; expected a dict of numbers")
    try:
        values = {str(name): float(value) for name, value in metrics.items()}
    except (TypeError, ValueError):
        wrong = {name: value for name, value in metrics.items() if not isinstance(value, (int, float))}
        raise TypeError(f"the trainable yielded {wrong!r}; expected numbers") from None
    for name, value in values.items():
        if is_taken(name):
            raise ValueError(f"the trainable yielded {name!r}, a column that every trial has; expected another name")
        if name in WHOLE and not value.is_integer():
            raise ValueError(f"the trainable yielded {name}={value:g}; expected a whole number")
    if (epoch := values.get("epoch", after + 1)) <= after:
        raise ValueError(f"the trainable yielded epoch {epoch:g}; expected epochs that count up from {after + 1:g}")
    return values


class Command(Enum):
    """What a worker tells a training process that is in the middle of a trial."""

    GO_ON = "go on"
    """The trial, which waits for the decision of the stopping rule, trains on."""
    STOP = "stop"
    """The trial, which waits for that decision, has been ended by the driver."""
    CLOSE = "close"
    """The search is being closed: the trial saves after its epoch, and ends."""


@dataclass(frozen=True)
class Began:
    """What a training process tells first of an attempt at a trial."""

    trial_id: str
    at: float
    """When its work began, by this machine's `time.monotonic`."""


@dataclass(frozen=True)
class Epochs:
    """What a training process tells after epochs."""

    metrics: list[Metrics]
    """Finished epochs in order, each with `epoch`."""
    waits: bool
    """Whether the trial waits for GO_ON or STOP."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the trainable says of the trial in words, by column."""
    last: bool = False
    """Whether the trial's end follows, which then goes to the driver in the same report."""


@dataclass(frozen=True)
class ForkServerAddress:
    """Where a worker asks for a training process that has TensorFlow already, see `search.trial.forking.server`."""

    name: str
    """Of a socket; on a node without that server there is nobody at it. On a cluster the node's id follows it."""
    cpus: int
    """The threads for arithmetic of every process that it forks, which have no GPU."""


@dataclass(frozen=True)
class SearchContext:
    """What all trials of a search share."""

    space_file: SpaceFile
    """The space file; its text travels to the training processes."""
    import_path: tuple[str, ...]
    """Folders from which a training process imports, the driver's own."""
    experiment: str
    """The experiment folder, where checkpoints and models go on nodes that see it."""
    metric: str
    """The metric of the space, by which trials are compared."""
    mode: str
    """Whether a larger metric is better (`max`) or a smaller one (`min`)."""
    split_seed: int
    """The experiment's seed, which alone decides splits and subsets of the data."""
    data_dir: str | None
    """The folder of data sets and weights; None: the cache of Keras."""
    rungs: tuple[int, ...] | None
    """Epochs after which a trial waits for a decision; None: after every one."""
    interval: int | None = None
    """Of a population: epochs after which a trial saves and is paused; None: trials wait for decisions with their
    worker."""
    goals: Goals | None = None
    """Objectives and constraints, where the metric is not all that decides."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Digests of the data and the files with which the search was planned: no trial may train on anything else."""
    token: str = ""
    """What the folder's lock says: a node that reads it there sees the folder. Empty: all nodes see it."""
    store: Store | None = None
    """Where checkpoints and models go on nodes that do not see the folder; None: nowhere."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """`dataset`, `metric` and `mode`, which a configuration may hold as settings of its own."""
    fork_server: ForkServerAddress | None = None
    """Who forks training processes; None: workers start them."""
    refits: bool = False
    """Whether trials train on the validation images too: see `Trial.refits`."""
    report_every_s: float = 0.25
    """Longest time for which finished epochs are held back to be reported together."""
    trial_timeout_s: float | None = None
    """Longest time without a finished epoch; None: there is no limit."""
    checkpoint_every_s: float = 20.0
    """Least time between two checkpoints of a trial."""
    attempts: int = 3
    """How often a trial is begun whose training process dies."""
    recycle_bytes: int = 2 << 30
    """Growth of a training process's own memory since its first trial, above which the process is replaced."""

    def kept_from(self, epoch: int) -> int | None:
        """The epoch from which on checkpoints stay when one is saved after `epoch`; None: only that one does.

        In a population that is the last comparison before: followers may not have begun with its checkpoint yet.
        """
        return None if self.interval is None else (epoch - 1) // self.interval * self.interval


@dataclass(frozen=True)
class ProcessResources:
    """What one training process may use."""

    cpus: int = 1
    """Cores: the number of threads for arithmetic."""
    gpus: float = 0.0
    """Number of GPUs, below 1 a share of one, 0 for none."""
    gpu_memory_mib: int | None = None
    """What it may take of the memory of each of its GPUs; None where it has none, or that could not be measured."""


@dataclass(frozen=True)
class WorkerId:
    """One training process."""

    node: str
    """Address of its node."""
    pid: int
    """Its process id there."""

    def __str__(self) -> str:
        """As the column `worker` of the tables has it."""
        return f"{self.node}:{self.pid}"


@dataclass(frozen=True)
class Parent:
    """Another trial whose training a trial goes on with."""

    trial_id: str
    epoch: int
    """The last epoch that is the other trial's."""


@dataclass(frozen=True)
class TrialSpec:
    """One trial, as the driver hands it to a worker."""

    trial_id: str
    config: dict[str, object]
    """Parameters and fixed settings, with `dataset`, `metric` and `mode`."""
    seed: int
    """Seed of everything random in the training."""
    proposed_at: float
    """When it was handed out, by the driver's `time.monotonic`."""
    shape: Shape = ONE_CORE
    """Cores and GPUs that it is given."""
    decides: bool = True
    """Whether the stopping rule has a say; repeats run to their end."""
    begun: bool = False
    """Whether an earlier attempt may have left a checkpoint, on this node or another."""
    growth: Growth = ALL_AT_ONCE
    """How its training set grows."""
    keep_above: float | None = None
    """The model is kept only when the metric beats this; None: in any case."""
    parent: Parent | None = None
    """Whose weights and optimizer it begins with; None: its own from the start."""


@dataclass
class Report:
    """What a worker tells the driver of a trial, as soon as there is something to decide or to store."""

    trial_id: str
    epochs: list[Metrics] = field(default_factory=list)
    """Finished epochs in order, each with `epoch`."""
    begun_s_ago: float | None = None
    """How long before this report the attempt's work began, whatever the clocks of nodes say; None but in its first."""
    worker: WorkerId | None = None
    """The training process; None where none could be started."""
    node: str = ""
    """Address of the node."""
    events: list[str] = field(default_factory=list)
    """What befell the training process, one line each: it was recycled, died or hung."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the trainable says of the trial in words, by column."""
    waits: bool = False
    """Whether the trial waits for a decision on its last epoch."""
    output: str = ""
    """What a trial that waits has printed so far: if the driver ends it, nothing more is heard of it."""
    end: TrialEnd | None = None
    """How the trial ended; None while it goes on."""
    gives_back: bool = False
    """Whether the worker no longer holds a next trial: this one takes long, and another worker may be free sooner."""


@dataclass(frozen=True)
class TrialEnd:
    """How a trial ended."""

    state: TrialState
    """COMPLETE, FAILED, INTERRUPTED, or PRUNED where the trainable says so; the driver asks the stopping rule."""
    summary: Metrics = field(default_factory=dict)
    """Values of the whole trial: test metrics, numbers of parameters."""
    error: str | None = None
    """What went wrong, in one line."""
    diverged: bool = False
    """Whether it failed because its loss became NaN, infinite or exploded."""
    traceback: str = ""
    output: str = ""
    """The end of what the trial printed to its standard output and error."""
    unread: tuple[str, ...] | None = None
    """Settings that the trainable of a complete trial has not read; None where that is not known."""
    missed: tuple[str, ...] = ()
    """Names that it has asked its configuration for in vain."""
    added: tuple[str, ...] = ()
    """Names that it has given a value of its own to, in its configuration."""
    own_bytes: int = 0
    """Memory of the training process after the trial, without pages that it shares with files and other processes."""
    out_of_memory: bool = False
    """Whether it failed because memory ran out."""
    lost_gpu: bool = False
    """Whether it failed because its process can no longer use its GPU."""
    other_content: bool = False
    """Whether it refused to train, since its node holds other data or files than the search was planned with."""
    unwritten: int | None = None
    """The system's number of the error for which its files could not be written, where that has cut it off."""
