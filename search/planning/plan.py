"""What one command is to do, with every option decided: the space with its pins, budgets, resources, the data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search.experiment.remote.store import ResultsPath, Store
from search.planning.options import Options
from search.space import Space
from search.space.loading import SpaceFile
from trainables.trial import DatasetInfo

RESULTS = Path("results")
"""The folder of experiments where --results names none."""


@dataclass(frozen=True)
class Plan:
    """What one command is to do. `make_plan` has checked it, so that nothing in it is wrong that a user could mend."""

    space_file: SpaceFile
    space: Space
    """The space with the options of the command line applied."""
    name: str
    """The name of the experiment."""
    results: Path
    """The folder of experiments on this machine."""
    trials: int
    """How many configurations are to end by themselves, those of earlier sessions included."""
    seed: int
    """The seed of splits and sampler, and of the first run of every configuration."""
    dataset: DatasetInfo | None
    """What is known of the data set that is used, None for a trainable without data."""
    asked_dataset: str | None
    """The data set that was asked for, where another was used."""
    data_dir: Path | None
    """The folder of data sets and weights; None is the cache of Keras."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digests of the other files that trials read, weights of backbones, by their names."""
    max_concurrent: int | None = None
    """The most trials that run at once; None: as many as fit."""
    time_budget_s: float | None = None
    """The time after which no new trial is begun; None: no limit."""
    trial_timeout_s: float | None = None
    """The time without a finished epoch after which a trial has failed; None: no limit."""
    address: str = "local"
    """The Ray cluster: local, auto or HOST:PORT."""
    retry_failed: bool = False
    """Whether trials that failed in an earlier session are run again."""
    oom_retry: bool = False
    """Whether a trial that ran out of memory on a share of a GPU is run once more, alone on a whole one."""
    throwaway: bool = False
    """Whether the results are removed at the end: of a smoke run that names no folder for them."""
    stores: Store | None = None
    """The folder of experiments in an object store, which gets a copy of what the driver writes to `results`."""
    command: tuple[str, ...] = ()
    """The words that followed `python -m search.run`."""
    options: Options = field(default_factory=Options)
    """What the command line asks for; on a resume, completed by what the experiment keeps of its first command."""

    @property
    def root(self) -> Path:
        """The experiment folder."""
        return self.results / self.name

    @property
    def store(self) -> Store | None:
        """Where the experiment has its copy in an object store, None without one."""
        return None if self.stores is None else self.stores.child(self.name)

    @property
    def results_path(self) -> ResultsPath:
        """Where a reader finds the experiment: in the store if there is one, else in its folder."""
        return self.store or self.root

    @property
    def contents(self) -> dict[str, str]:
        """Digests of all that trials read, data and other files, by name: no trial may train on anything else."""
        data = {self.dataset.name: self.dataset.fingerprint} if self.dataset is not None else {}
        return {**self.files, **data}

    @property
    def max_epochs(self) -> int | None:
        """Epochs of the longest trial, a second stage included; None where the space does not bound them."""
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
