"""What one command is to do, with every option decided: the space with its pins, budgets, resources, the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from search.experiment.remote.store import ResultsPath, Store
from search.planning.options import Options
from search.space import Space
from search.space.loading import SpaceFile
from trainables.trial import DatasetInfo

if TYPE_CHECKING:
    from search.sampling import Finished  # Optuna takes half a second to import.

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
    known: Sequence[Finished] = ()
    """Trials of earlier searches, from which the sampler learns."""
    throwaway: bool = False
    """Whether the results are removed at the end: of a smoke run that names no folder for them."""
    stores: Store | None = None
    """The folder of experiments in an object store, which gets a copy of what the driver writes to `results`."""
    command: tuple[str, ...] = ()
    """The words that followed `python -m search.run`."""
    options: Options = field(default_factory=Options)
    """What the command line asks for, like budgets and the cluster's address; on a resume, completed by what the
    experiment keeps of its first command."""

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
    def validation_images(self) -> dict[str, int]:
        """On how many validation images each metric of the goals is measured that is a share of them."""
        if self.dataset is None:
            return {}
        limits = [most for most in self.space.settings().get("evaluation_size", ()) if isinstance(most, int)]
        images = min([self.dataset.num_validation, *limits])
        return {name: images for name in self.space.goals.directions if "accuracy" in name}

    @property
    def fidelity(self) -> str:
        """What early rungs have less of: `epochs`, `sample_size` (training images) or `both`."""
        return str(self.space.stopping_options.get("fidelity", "epochs"))

    @property
    def asked(self) -> dict[str, object]:
        """What the search says to every trainable beside settings: `metric`, `mode`, and `dataset` if it has one."""
        asked: dict[str, object] = {"metric": self.space.metric, "mode": self.space.mode}
        dataset = self.dataset.name if self.dataset is not None else self.space.dataset_name
        if dataset is not None:
            asked["dataset"] = dataset
        return asked

    def trial_config(self, config: dict[str, object]) -> dict[str, object]:
        """What the trainable is handed: the data set and what is optimised, fixed settings, parameters.

        Settings of the space's own that are called `dataset`, `metric` or `mode` stand there as they are.
        """
        return {**self.asked, **self.space.fixed, **config}
