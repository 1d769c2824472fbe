"""Trains a stored trial again, in a training process as a worker has it, and says whether the metrics are the same."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.console import Console
from search.driver.history import configuration_of, parent_of
from search.driver.search import context_of
from search.errors import SearchError
from search.experiment.states import TrialState
from search.planning.make_plan import make_plan
from search.planning.options import Options
from search.planning.plan import Plan
from search.planning.provenance import hardware, versions
from search.stopping import make_rule
from search.trial.messages import Report, TrialSpec
from search.trial.runner import TrialRunner
from search.use.stored_trial import StoredTrial
from search.wording import counted
from trainables.trial import ALL_AT_ONCE

_NO_METRICS = {"trial_id", "epoch", "seconds"}
_OF_THE_TRIAL = ("test_", "baseline_accuracy", "num_")
_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """One value that came out otherwise."""

    name: str
    stored: float
    found: float

    @property
    def size(self) -> float:
        """Relative to the larger of the two; infinite where one is no number."""
        largest = max(abs(self.stored), abs(self.found))
        apart = abs(self.stored - self.found) / largest if largest else 0.0
        return math.inf if math.isnan(apart) else apart


def reproduce(trial: StoredTrial, data_dir: Path | None, console: Console) -> int:
    """Train the trial again and compare every metric of every epoch, and the test's; the exit code.

    0: the same to the bit; 1: something differs, which is shown beside what else differs: versions, processor, cores.
    """
    if trial.row["state"] == TrialState.FAILED:
        raise SearchError(f"trial {trial.trial_id} failed ({trial.row['error']}); expected a complete or a pruned one.")
    plan = plan_of(trial, data_dir, console)
    spec = spec_of(trial, plan)
    before = "".join(f" after {one.trial_id}" for one in reversed(trial.line[:-1]))
    console.note(f"training trial {trial.trial_id}{before} again: {counted(trial.last_epoch, 'epoch')}")
    epochs, summary = train_again(trial, plan, spec)
    compared, differences = _compared(trial, epochs, summary)
    if not differences:
        told = f"all {compared} metrics of {counted(len(epochs), 'epoch')} are the same, to the bit"
        console.result(f"trial {trial.trial_id}: {told}.")
        return 0
    differences.sort(key=lambda one: one.size, reverse=True)
    console.result(f"trial {trial.trial_id}: {len(differences)} of {compared} metrics differ; the largest differences:")
    for one in differences[:_SHOWN]:
        console.result(f"  {one.name}: {one.stored!r} stored, {one.found!r} now")
    for reason in _reasons(trial, spec):
        console.result(f"different now: {reason}")
    return 1


def plan_of(trial: StoredTrial, data_dir: Path | None, console: Console) -> Plan:
    """The plan of its search, with data and files that are checked to be those of then."""
    path = trial.experiment.path.absolute()
    options = Options(name=path.name, results=path.parent, resume=True, data_dir=data_dir)
    return make_plan(options, (), console.warning, trial.experiment.searched(), searches=False)


def spec_of(trial: StoredTrial, plan: Plan) -> TrialSpec:
    """The trial as a worker is handed it, to be run once more."""
    settings = plan.trial_config(configuration_of(trial.row, plan.space))
    rule = make_rule(plan.space.stopping, plan.space.mode, plan.space.stopping_options, plan.max_epochs)
    growth = ALL_AT_ONCE if trial.row.get("repeat_of") and rule.growth().anew else rule.growth()
    return TrialSpec(
        trial.trial_id,
        settings,
        seed=int(trial.row["seed"]),
        proposed_at=time.monotonic(),
        shape=plan.space.shape(settings),
        decides=trial.row["state"] == TrialState.PRUNED or plan.space.population is not None,
        growth=growth,
        keep_above=math.inf if plan.space.mode == "max" else -math.inf,
        parent=parent_of(trial.row),
    )


def train_again(trial: StoredTrial, plan: Plan, spec: TrialSpec) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Metrics of each epoch and of the whole trial; a pruned one is stopped where it was. Raises SearchError.

    The trials with whose training it goes on are trained first, as far as it took them over.
    """
    line = [spec_of(one, plan) for one in trial.line[:-1]] + [spec]
    end = trial.last_epoch if trial.row["state"] == TrialState.PRUNED else math.inf
    with tempfile.TemporaryDirectory(prefix="search-reproduce-") as scratch:
        epochs, report = train_line(plan, Path(scratch), line, end)
    return epochs, _summary(trial, report)


def train_line(
    plan: Plan, scratch: Path, line: Sequence[TrialSpec], end: float = math.inf, refits: bool = False
) -> tuple[list[dict[str, float]], Report]:
    """Train trials of which each goes on with the one before it, as far as the next took it over, the last to `end`.

    Metrics of the last one's epochs, and its last report. Raises SearchError for one before it that ends early.
    """
    ends: list[float] = [*(one.parent.epoch for one in line[1:] if one.parent is not None), end]
    rungs = tuple(int(end) for end in ends if end < math.inf)
    with runner_of(plan, scratch, line[-1], rungs=rungs, refits=refits) as runner:
        for one, last in zip(line, ends, strict=True):
            epochs, report = _until(runner, one, last)
            if one is not line[-1] and report.end is not None:
                raise SearchError(f"trial {one.trial_id} ended early when it was trained again: {report.end.error}")
        return epochs, report


def _until(runner: TrialRunner, spec: TrialSpec, end: float) -> tuple[list[dict[str, float]], Report]:
    """Train until the trial waits after the epoch `end`, or has ended; metrics of its epochs, and the last report."""
    runner.begin(spec)
    epochs: list[dict[str, float]] = []
    while True:
        report = runner.proceed()
        epochs += report.epochs
        if report.end is not None or (report.waits and epochs[-1]["epoch"] == end):
            return epochs, report


@contextmanager
def runner_of(
    plan: Plan, scratch: Path, spec: TrialSpec, rungs: tuple[int, ...], refits: bool = False
) -> Iterator[TrialRunner]:
    """What runs trials of the search without Ray, as its workers do; they write to a folder of their own."""
    context = dataclasses.replace(context_of(plan, scratch, token="", rungs=rungs), refits=refits)
    runner = TrialRunner(context, "this machine", spec.shape, closing=lambda: False)
    try:
        yield runner
    finally:
        runner.close()


def _summary(trial: StoredTrial, report: Report) -> dict[str, float]:
    if report.end is None:
        return {}
    if report.end.state is TrialState.FAILED:
        raise SearchError(f"trial {trial.trial_id} failed when it was trained again: {report.end.error}")
    return report.end.summary


def _compared(
    trial: StoredTrial, epochs: list[dict[str, float]], summary: Mapping[str, float]
) -> tuple[int, list[Difference]]:
    """How many values were compared, and those that differ; an epoch that is missing is a difference too."""
    found = {f"{name} of epoch {int(e['epoch'])}": v for e in epochs for name, v in e.items() if _is_metric(name)}
    found |= summary
    stored = {
        f"{name} of epoch {row['epoch']}": float(v)
        for row in trial.epochs
        for name, v in row.items()
        if _is_metric(name) and v is not None
    }
    stored |= {n: float(v) for n, v in trial.row.items() if n.startswith(_OF_THE_TRIAL) and v is not None}
    values = [(name, value, found.get(name, math.nan)) for name, value in stored.items()]
    return len(values), [Difference(*each) for each in values if each[1] != each[2]]


def _is_metric(name: str) -> bool:
    return name not in _NO_METRICS


def _reasons(trial: StoredTrial, spec: TrialSpec) -> list[str]:
    """What differs between then and now, or makes metrics differ by itself."""
    before, now = trial.manifest["versions"], versions()
    reasons = [f"{n} {now[n]}, and {before[n]} then" for n in before if n in now and now[n] != before[n]]
    processors = (trial.manifest["hardware"]["processor"], hardware()["processor"])
    if processors[0] != processors[1]:
        reasons.append(f"processor {processors[1]}, and {processors[0]} then")
    if spec.shape.cpus > 1 or spec.shape.gpus:
        reasons.append("nothing is promised to the bit on several cores or a GPU: sums are added in another order")
    return reasons
