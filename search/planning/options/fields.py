"""The options of a search as one typed value, each with its flag and its line of `--help`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from search.experiment.remote.store import ResultsPath
from search.experiment.trackers import TRACKERS
from search.planning.options import values as read
from search.space import SAMPLERS, STOPPING_RULES
from search.space.values import text_of
from search.stopping.fidelity import FIDELITIES


def _flag(group: str, flag: str, text: str, **how: object) -> dict[str, Any]:
    """Return how argparse reads a field of `Options`; `text` is its line of `--help`."""
    return {"group": group, "flag": flag, "help": text, **how}


_searched = partial(_flag, "what is searched")
_placed = partial(_flag, "where it runs and what it leaves")
_shown = partial(_flag, "what is shown")
_given = {"action": "store_true"}


@dataclass(frozen=True)
class Options:
    """What a command line asks for. A field is one option, described by its line of `--help`; None is: not given."""

    space: str = ""
    """Path of the space file; empty with --list, which needs none."""
    trials: Annotated[
        int | None,
        _searched("--trials", "number of configurations to try (default: the space's)", type=read.count, metavar="N"),
    ] = None
    sampler: Annotated[
        str | None,
        _searched(
            "--sampler",
            "what proposes configurations (default: the space's, else mfgp, which learns from stopped trials as well, "
            "and tpe for several objectives; with a stopping rule tpe, qmc and cmaes find about as much as random)",
            choices=SAMPLERS,
        ),
    ] = None
    stopping: Annotated[
        str | None,
        _searched("--stopping", "what ends trials early (default: the space's, else asha)", choices=STOPPING_RULES),
    ] = None
    fidelity: Annotated[
        str | None,
        _searched(
            "--fidelity",
            "what makes trials cheap until asha has compared them: fewer epochs, fewer training images (sample_size), "
            "or both (default: the space's, else epochs)",
            choices=FIDELITIES,
        ),
    ] = None
    repeats: Annotated[
        int | None,
        _searched("--repeats", "train the leading configurations with K seeds each", type=read.count, metavar="K"),
    ] = None
    seed: Annotated[
        int | None,
        _searched("--seed", "seed of splits, sampler and trials (default: 0)", type=read.seed, metavar="N"),
    ] = None
    dataset: Annotated[
        str | None,
        _searched("--dataset", "another data set: a name, a folder of class folders, a tar", metavar="NAME"),
    ] = None
    metric: Annotated[
        str | None,
        _searched("--metric", "the metric to search by (default: the space's, else val_accuracy)", metavar="NAME"),
    ] = None
    mode: Annotated[
        str | None,
        _searched(
            "--mode",
            "whether larger or smaller is better (default: min for a loss or an error, else max)",
            choices=("max", "min"),
        ),
    ] = None
    objectives: Annotated[
        Mapping[str, str],
        _searched(
            "--objective",
            "a metric to search by, like val_accuracy:max, in place of the space's; given several times, their Pareto "
            "front is searched for",
            action="append",
            type=read.objective,
            metavar="NAME:MODE",
        ),
    ] = field(default_factory=dict)
    constraints: Annotated[
        Mapping[str, str],
        _searched(
            "--constraint",
            "what the best must keep to, like 'num_parameters<=1e6', in place of the space's; may be given again",
            action="append",
            type=read.constraint,
            metavar="TEXT",
        ),
    ] = field(default_factory=dict)
    pins: Annotated[
        Mapping[str, object],
        _searched(
            "--set",
            "give a setting one value, like dropout=0.3, searched or not; may be given several times",
            action="append",
            type=read.setting,
            metavar="KEY=VALUE",
        ),
    ] = field(default_factory=dict)
    warm_start: Annotated[
        tuple[str, ...],
        _searched(
            "--warm-start",
            "let the sampler learn from an earlier experiment's folder, an Optuna storage (FILE or address, #STUDY) or "
            "a KerasTuner project's folder; may be given several times",
            action="append",
            metavar="PLACE",
        ),
    ] = field(default_factory=tuple)
    smoke: Annotated[
        bool, _searched("--smoke", "try whether the space runs at all: 2 trials of 1 epoch on a few images", **_given)
    ] = False
    name: Annotated[
        str | None,
        _placed("--name", "name of the experiment (default: the space's stem)", type=read.name, metavar="NAME"),
    ] = None
    results: Annotated[
        ResultsPath | None,
        _placed(
            "--results",
            "folder of experiments, also in an object store, like s3://bucket/results (default: results)",
            type=read.results,
            metavar="DIR",
        ),
    ] = None
    resume: Annotated[bool, _placed("--resume", "go on with the experiment of that name", **_given)] = False
    retry_failed: Annotated[bool, _placed("--retry-failed", "with --resume: run failed trials again", **_given)] = False
    data_dir: Annotated[
        Path | None,
        _placed(
            "--data-dir",
            "data sets and weights (default: SEARCH_DATA_DIR, else the cache of Keras)",
            type=read.folder,
            metavar="DIR",
        ),
    ] = None
    address: Annotated[
        str,
        _placed(
            "--address", "where Ray runs: local, auto or HOST:PORT (default: local)", type=read.address, metavar="A"
        ),
    ] = "local"
    max_concurrent: Annotated[
        int | None,
        _placed("--max-concurrent", "trials at once (default: as many as fit)", type=read.count, metavar="N"),
    ] = None
    cpus_per_trial: Annotated[
        float | None,
        _placed("--cpus-per-trial", "cores of a trial (default: the space's, else 1)", type=read.share, metavar="X"),
    ] = None
    gpus_per_trial: Annotated[
        float | None,
        _placed(
            "--gpus-per-trial",
            "GPUs of a trial, like 0.5 (default: the space's, else 0)",
            type=read.share,
            metavar="X",
        ),
    ] = None
    oom_retry: Annotated[
        bool | None,
        _placed(
            "--oom-retry", "run a trial whose share of a GPU was too small once more, alone on a whole GPU", **_given
        ),
    ] = None
    target: Annotated[
        float | None,
        _searched("--target", "begin no more trials once the metric is as good as this", type=read.real, metavar="X"),
    ] = None
    patience: Annotated[
        int | None,
        _searched(
            "--patience",
            "begin no more trials once N configurations have not improved the best, or the front, by more than noise",
            type=read.count,
            metavar="N",
        ),
    ] = None
    time_budget_s: Annotated[
        float | None,
        _placed(
            "--time-budget",
            "save and end after so long, like 90s, 30m, 2h, for --resume; mfgp then proposes what gains most a second",
            type=read.duration,
            metavar="T",
        ),
    ] = None
    epoch_budget: Annotated[
        int | None,
        _placed(
            "--epoch-budget",
            "begin no more trials once all together have trained N epochs; those that run go on to their end",
            type=read.count,
            metavar="N",
        ),
    ] = None
    trial_timeout_s: Annotated[
        float | None,
        _placed(
            "--trial-timeout",
            "count a trial as failed that finishes no epoch for this long, like 10m",
            type=read.duration,
            metavar="T",
        ),
    ] = None
    log: Annotated[
        tuple[str, ...],
        _placed(
            "--log",
            "write epochs, configurations, states and the best model to it as well; may be given several times",
            action="append",
            choices=TRACKERS,
        ),
    ] = field(default_factory=tuple)
    dry_run: Annotated[bool, _shown("--dry-run", "show the space and the plan, and train nothing", **_given)] = False
    page: Annotated[
        bool,
        _shown(
            "--page",
            "serve a page that follows the search to browsers of this machine, and print its address",
            **_given,
        ),
    ] = False
    quiet: Annotated[bool, _shown("--quiet", "show only warnings, errors and the result", **_given)] = False
    list_experiments: Annotated[
        bool, _shown("--list", "show the experiments that there are; needs no SPACE", **_given)
    ] = False

    @property
    def is_local(self) -> bool:
        """Whether Ray is started on this machine for the search alone, and no cluster is joined."""
        return self.address == "local"

    def deciding(self) -> dict[str, object]:
        """Return the options on which results depend, by flag, as a manifest records them; None is: not given."""
        pins = {name: text_of(value) for name, value in self.pins.items()}
        return {
            "sampler": self.sampler,
            "stopping": self.stopping,
            "fidelity": self.fidelity,
            "seed": self.seed,
            "dataset": self.dataset,
            "metric": self.metric,
            "mode": self.mode,
            "objective": dict(self.objectives) or None,
            "constraint": dict(self.constraints) or None,
            "set": pins or None,
            "warm_start": list(self.warm_start) or None,
            "smoke": self.smoke or None,
        }
