"""What one command is to do, with every option decided: the space with its pins, budgets, resources, the data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search.experiment.remote.store import Location, Store
from search.planning.options import Options
from search.space import Space
from search.space.loading import SpaceSource
from trainables.trial import DatasetInfo

RESULTS = Path("results")
"""The folder of experiments, where none is named."""


@dataclass(frozen=True)
class Plan:
    """A checked order for a search."""

    source: SpaceSource
    space: Space
    """With the pins of --set, --dataset and --smoke, and with the options of the command line in place."""
    name: str
    results: Path
    trials: int
    """Configurations to be ended, counting those of an earlier run."""
    seed: int
    dataset: DatasetInfo | None
    """What is known of the data set that is used, None for a trainable without data."""
    asked_dataset: str | None
    """The data set that was asked for, where another was used."""
    data_dir: Path | None
    files: Mapping[str, str] = field(default_factory=dict)
    """Digests of the other files that trials read, weights of backbones, by their names."""
    max_concurrent: int | None = None
    time_budget_s: float | None = None
    trial_timeout_s: float | None = None
    address: str = "local"
    retry_failed: bool = False
    oom_retry: bool = False
    """Whether a trial that ran out of memory on a share of a GPU is run once more, alone on a whole one."""
    throwaway: bool = False
    """A smoke run whose results nobody asked to keep."""
    stores: Store | None = None
    """The folder of experiments in an object store; `results` is then where the driver keeps its own."""
    command: tuple[str, ...] = ()
    """The words behind `python -m search.run`."""
    options: Options = field(default_factory=Options)
    """What the command line asks for; on a resume, with what the experiment keeps of its first one."""

    @property
    def root(self) -> Path:
        """The experiment folder."""
        return self.results / self.name

    @property
    def store(self) -> Store | None:
        """Where the experiment has its copy in an object store, None without one."""
        return None if self.stores is None else self.stores.child(self.name)

    @property
    def location(self) -> Location:
        """Where a reader finds the experiment: in the store if there is one, else in its folder."""
        return self.store or self.root

    @property
    def contents(self) -> dict[str, str]:
        """Digests of all that trials read, data and other files, by name: no trial may train on anything else."""
        data = {self.dataset.name: self.dataset.fingerprint} if self.dataset is not None else {}
        return {**self.files, **data}

    @property
    def max_epochs(self) -> int | None:
        """Epochs of a full trial, a second stage included, where the space fixes or bounds them."""
        settings = self.space.settings()
        stages = [[n for n in settings.get(name, ()) if isinstance(n, int)] for name in ("epochs", "second_epochs")]
        return sum(max(numbers, default=0) for numbers in stages) if stages[0] else None

    @property
    def fidelity(self) -> str:
        """What early rungs have less of: `epochs`, `sample_size` (training images) or `both`."""
        return str(self.space.stopping_options.get("fidelity", "epochs"))

    def trial_config(self, config: dict[str, object]) -> dict[str, object]:
        """What the trainable is handed: parameters, fixed settings, the data set and what is optimised."""
        asked: dict[str, object] = {"metric": self.space.metric, "mode": self.space.mode}
        dataset = self.dataset.name if self.dataset is not None else self.space.dataset
        if dataset is not None:
            asked["dataset"] = dataset
        return {**self.space.fixed, **config, **asked}
