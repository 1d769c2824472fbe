"""What driver, worker and training process say to each other: plain values, no Ray."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.experiment.remote.store import Store
from search.space.loading import SpaceSource
from trainables.trial import ALL_AT_ONCE, Growth

Metrics = dict[str, float]
CLOSING = ".closing"
"""A file in the experiment folder that is there while the search is being closed: trials save and end."""
CLOSE = "close"
"""What a worker tells a training process then."""


@dataclass(frozen=True)
class RunContext:
    """What all trials of a search share."""

    source: SpaceSource
    """The space file; its text travels to the training processes."""
    import_path: tuple[str, ...]
    """Folders from which a training process imports, the driver's own."""
    experiment: str
    """The experiment folder, where checkpoints and models go on nodes that see it."""
    metric: str
    mode: str
    split_seed: int
    data_dir: str | None
    rungs: tuple[int, ...] | None
    """Epochs after which a trial waits for a decision; None: after every one."""
    cpus: int = 1
    gpus: float = 0.0
    """Both are its own shape's in each worker."""
    token: str = ""
    """What the folder's lock says: a node that reads it there sees the folder. Empty: all do."""
    store: Store | None = None
    """Where checkpoints and models go on nodes that do not see it."""
    report_every_s: float = 0.25
    """Longest time for which finished epochs are held back to be reported together."""
    trial_timeout_s: float | None = None
    """Longest time without a finished epoch."""
    checkpoint_every_s: float = 20.0
    """Least time between two checkpoints of a trial."""
    attempts: int = 3
    """How often a trial is begun whose training process dies."""
    recycle_bytes: int = 2 << 30
    """Growth of a training process's own memory since its first trial, above which it is replaced."""
    gpu_memory_mib: int | None = None
    """What a training process may take of each of its GPUs, as its worker measured."""


@dataclass(frozen=True)
class TrialSpec:
    """One trial, as the driver hands it out."""

    trial_id: str
    config: dict[str, object]
    """Parameters and fixed settings, with `dataset`, `metric` and `mode`."""
    seed: int
    proposed_at: float
    """Seconds since the epoch."""
    decides: bool = True
    """Whether the stopping rule has a say; repeats run to their end."""
    begun: bool = False
    """Whether an earlier attempt may have left a checkpoint, here or elsewhere."""
    closing: bool = False
    """Whether the search is being closed already: the trial saves behind its first epoch, and ends."""
    growth: Growth = ALL_AT_ONCE
    """How its training set grows."""
    alone: bool = False
    """Whether it ran out of memory on a share of a GPU, and now gets a whole one."""
    keep_above: float | None = None
    """The model is kept only when the metric beats this; None: in any case."""


@dataclass
class Report:
    """What one step of a worker tells the driver."""

    trial_id: str
    epochs: list[Metrics] = field(default_factory=list)
    """Finished epochs in order, each with `epoch`."""
    started_at: float | None = None
    """When the trial's first work began, in the first report of an attempt."""
    worker: str = ""
    """Node and process id of the training process."""
    node: str = ""
    events: list[str] = field(default_factory=list)
    """What befell the training process: recycled, died, timed out."""
    waits: bool = False
    """Whether the trial waits for a decision on its last epoch."""
    output: str = ""
    """What a trial that waits has written so far: when it is ended, nothing more is heard of it."""
    end: Ending | None = None


@dataclass
class Ending:
    """How a trial ended by itself, or was interrupted."""

    state: str
    """`complete`, `failed` or `interrupted`; a trial that the stopping rule ends hears of it and says nothing."""
    summary: Metrics = field(default_factory=dict)
    """Values of the whole trial: test metrics, numbers of parameters."""
    error: str | None = None
    """One line."""
    diverged: bool = False
    traceback: str = ""
    output: str = ""
    """The end of what the trial wrote to its standard output and error."""
    model: str | None = None
    """Where its model lies, relative to the experiment."""
    own_bytes: int = 0
    """Memory of the training process behind the trial, without what files and other processes share."""
    out_of_memory: bool = False
    """Whether it failed because memory ran out."""
    lost_gpu: bool = False
    """Whether it failed because its process can use its GPU no more."""
