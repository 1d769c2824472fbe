"""The book of a search: what is to be tried next, what runs, what has ended, and when the search is over. No Ray."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Mapping
from enum import Enum

from search.driver.giving_up import Faults
from search.driver.history import History
from search.driver.kept_models import KeptModels
from search.driver.logs import write_log
from search.driver.records import Ended, Live
from search.driver.repeats import LEADERS, next_round
from search.driver.rows import epoch_row, finished_row, running_row, score_of
from search.experiment.folder import Experiment
from search.planning.plan import Plan
from search.sampling import Sampling
from search.stopping import Decision, StoppingRule
from search.trial.messages import Ending, Metrics, Report, TrialSpec
from trainables.trial import ALL_AT_ONCE, Growth

STORE_EVERY_S = 2.0
"""Longest time for which the epochs of running trials are held in memory only."""

ATTEMPTS = 3
"""How often a trial is begun whose worker is lost."""


class Next(Enum):
    """What there is to do when no trial can be handed out."""

    WAIT = "wait"
    REST = "rest"
    FINISHED = "finished"


class Ledger:
    """Everything that the driver knows of the trials; the experiment folder and the study follow it.

    Rows of ended trials are stored first, then the study is told (`flush`).
    """

    def __init__(self, plan: Plan, experiment: Experiment, sampling: Sampling, rule: StoppingRule) -> None:
        self.plan, self.experiment = plan, experiment
        self._sampling, self._rule = sampling, rule
        self.live: dict[str, Live] = {}
        self._cut_off: dict[str, Live] = {}
        self._begun: set[str] = set()
        self._lost: dict[str, Live] = {}
        self.ended: dict[str, Ended] = {}
        self.events: list[str] = []
        self.workers: set[str] = set()
        self.exhausted = False
        self.best_model: str | None = None
        self.ended_here, self.first_end = 0, 0.0
        self.latest_failure: tuple[str, str] | None = None
        self.proposal_s = 0.0
        self._leading: Ended | None = None
        self._counts: Counter[str] = Counter()
        self.closing = False
        self._rows: list[Mapping[str, object]] = []
        self._epoch_rows: list[Mapping[str, object]] = []
        self._tells: list[Ended] = []
        self._stored_at = time.monotonic()
        self._faults = Faults()
        self._unfit = 0
        self._models = KeptModels(experiment, keep=1 if plan.space.repeats == 1 else LEADERS, mode=plan.space.mode)

    def restore(self, history: History) -> None:
        """Take in what an earlier run stored, before the first `next`."""
        self._begun = history.begun
        self._sampling.resume(history.finished, history.running)
        for trial_id, epoch, value in history.reports:
            self._rule.decide(trial_id, epoch, value)
        # Of settings that a function makes up, a table cannot tell a list from its text.
        proposed = {} if self.plan.space.declared else self._sampling.configurations()
        for stored in history.ended:
            config = proposed.get(stored.repeat_of or stored.trial_id, stored.config)
            ended = dataclasses.replace(stored, config=config)
            self._remember(ended)
            if ended.state == "complete" and ended.value is not None and ended.repeat_of is None:
                self._models.offer(ended.trial_id, ended.value)

    # What is next

    @property
    def fault(self) -> str | None:
        """Why the search ends before its time, None while there is no reason to."""
        return self._faults.verdict

    def next(self) -> TrialSpec | Next:
        """The next trial to start. WAIT and REST only while others run: their ends decide.

        REST where repeats may follow: Tune would end an idle worker, and a repeat would start another.
        """
        self.flush()
        if self.closing or self.fault:
            return Next.WAIT if self.live else Next.FINISHED
        if self._lost:
            return self._begin_again()
        if self.configurations() < self.plan.trials and not self.exhausted:
            began = time.monotonic()
            proposal = self._sampling.ask()
            self.proposal_s = time.monotonic() - began
            if proposal is not None:
                return self._start(proposal.trial_id, proposal.number, proposal.config)
            self.exhausted = True
        repeat = self._next_repeat()
        if repeat is not None:
            return repeat
        if not self.live:
            return Next.FINISHED
        return Next.REST if self.plan.space.repeats > 1 else Next.WAIT

    def _begin_again(self) -> TrialSpec:
        trial_id, live = next(iter(self._lost.items()))
        self.live[trial_id] = self._lost.pop(trial_id)
        return dataclasses.replace(live.spec, proposed_at=time.time(), begun=True)

    def configurations(self) -> int:
        """Configurations that have ended or run; repeats do not count."""
        return sum(live.repeat_of is None for live in self.live.values()) + self._counts.total()

    def _next_repeat(self) -> TrialSpec | None:
        space = self.plan.space
        if space.repeats < 2:
            return None
        if space.repeat == "all":
            firsts = sorted(t.trial_id for t in self.ended.values() if t.repeat_of is None and t.state == "complete")
            wanted = [(first, k) for first in firsts for k in range(1, space.repeats)]
        else:
            if any(live.repeat_of is None for live in self.live.values()):
                return None
            values = self.values_by_configuration()
            wanted = [(first, k) for first in next_round(values, space.mode, space.repeats) for k in self._seeds(first)]
        for first, k in wanted:
            trial_id = f"{first}r{k}"
            if k < space.repeats and trial_id not in self.live and trial_id not in self.ended:
                of = self.ended[first]
                return self._start(trial_id, of.number, dict(of.config), repeat_of=first, seed_offset=k)
        return None

    def _seeds(self, first: str) -> list[int]:
        """Which further seed the configuration runs with next; a failed repeat is not made up for."""
        tried = [k for k in range(1, self.plan.space.repeats) if f"{first}r{k}" in self.ended]
        return [] if f"{first}r{len(tried) + 1}" in self.live else [len(tried) + 1]

    def values_by_configuration(self) -> dict[str, list[float]]:
        """Metric of the complete runs of each configuration, under the trial id of its first run, in seed order."""
        values: dict[str, list[float]] = {}
        for ended in sorted(self.ended.values(), key=lambda e: (e.repeat_of or e.trial_id, e.trial_id)):
            if ended.state == "complete" and ended.value is not None:
                values.setdefault(ended.repeat_of or ended.trial_id, []).append(ended.value)
        return values

    def _start(
        self, trial_id: str, number: int, config: dict[str, object], repeat_of: str | None = None, seed_offset: int = 0
    ) -> TrialSpec:
        up = self.plan.space.mode == "max"
        spec = TrialSpec(
            trial_id,
            self.plan.trial_config(config),
            seed=self.plan.seed + seed_offset,
            proposed_at=time.time(),
            decides=repeat_of is None,
            begun=trial_id in self._begun,
            growth=self._growth(repeat_of),
            keep_above=self._models.threshold() if repeat_of is None else math.inf * (1 if up else -1),
        )
        live = self.live[trial_id] = Live(spec, number, config, repeat_of)
        self._rows.append(running_row(self.plan, live))
        return spec

    def _growth(self, repeat_of: str | None) -> Growth:
        """A repeat is the same training; what comes before one that begins anew only serves to decide on it."""
        growth = self._rule.growth()
        return ALL_AT_ONCE if repeat_of is not None and growth.anew else growth

    # What comes back

    def take(self, report: Report) -> bool:
        """Take a worker's report; True when the stopping rule ends the trial."""
        live = self.live.get(report.trial_id)
        self._note(report)
        if live is None:
            return True
        live.node, live.worker = report.node or live.node, report.worker or live.worker
        if live.started_at is None:
            live.started_at = report.started_at
        decision = Decision.CONTINUE
        for metrics in report.epochs:
            decision = self._take_epoch(live, metrics)
        if report.end is not None and self._may_have_more_memory(live, report.end):
            self._begin_alone(live, report.end)
        elif report.end is not None:
            self._end(live, report.end)
        elif decision is Decision.STOP and report.waits:
            self._end(live, Ending("pruned", output=report.output))
            return True
        if time.monotonic() - self._stored_at > STORE_EVERY_S:
            self.flush()
        return False

    def _note(self, report: Report) -> None:
        if report.worker:
            self.workers.add(report.worker)
        self.events.extend(report.events)

    def _take_epoch(self, live: Live, metrics: Metrics) -> Decision:
        epoch = int(metrics["epoch"])
        if live.epochs and epoch <= live.epochs[-1]["epoch"]:
            return Decision.CONTINUE  # Repeated after a restart.
        live.epochs.append(metrics)
        self._epoch_rows.append(epoch_row(live.spec.trial_id, metrics))
        if live.repeat_of is not None:
            return Decision.CONTINUE
        value = metrics[self.plan.space.metric]
        # Under its epoch also where the training set grows: TPE ranks pruned trials by how far they came, and by value
        # only those that came as far and so had the same share; to GP and CMA-ES they look worse than they are.
        self._sampling.report(live.spec.trial_id, epoch, value)
        return self._rule.decide(live.spec.trial_id, epoch, value)

    def _end(self, live: Live, ending: Ending) -> None:
        del self.live[live.spec.trial_id]
        if ending.state == "interrupted":
            self._cut_off[live.spec.trial_id] = live  # Its row stays `running`; `close` returns it to the study.
            return
        log = write_log(self.experiment, live.spec.trial_id, ending)
        row = finished_row(self.plan, live, ending, log)
        value = score_of(live, self.plan.space)
        trial_id = live.spec.trial_id
        ended = Ended(trial_id, live.number, ending.state, value, live.config, live.repeat_of, ending.error, log, row)
        self._remember(ended)
        self.first_end = self.first_end or time.monotonic()
        self.ended_here += ended.repeat_of is None
        self._rows.append(row)
        self._tells.append(ended)
        self._faults.take(ended.state, ending.error, ending.diverged)
        if ending.state == "failed":
            self._rule.forget(trial_id)
            self.latest_failure = (trial_id, ending.error or "")
        if ending.state == "complete" and value is not None and live.repeat_of is None:
            self._models.offer(trial_id, value)

    def lose(self, trial_id: str) -> None:
        """The worker of a trial was lost, with its node or alone: the trial is begun again, a few times."""
        live = self.live.pop(trial_id, None)
        if live is None:
            return
        live.losses += 1
        self.events.append(f"the worker of trial {trial_id} was lost")
        if live.losses < ATTEMPTS:
            self._lost[trial_id] = live
            return
        self.live[trial_id] = live
        self._end(live, Ending("failed", error=f"its worker was lost {live.losses} times"))

    def give_back(self, trial_id: str, reason: str) -> None:
        """A worker's node does not fit: its trial is begun on another; the search ends where only such nodes come."""
        self._unfit += 1
        if reason not in self.events:
            self.events.append(reason)
        self._lost[trial_id] = self.live.pop(trial_id)
        if self._unfit >= ATTEMPTS and not self.workers:
            self._faults.verdict = reason

    def _may_have_more_memory(self, live: Live, ending: Ending) -> bool:
        return ending.out_of_memory and self.plan.oom_retry and not live.spec.alone

    def _begin_alone(self, live: Live, ending: Ending) -> None:
        trial_id = live.spec.trial_id
        self.events.append(f"trial {trial_id} is run once more, alone on a whole GPU: {ending.error}")
        live.spec = dataclasses.replace(live.spec, alone=True)
        self._lost[trial_id] = self.live.pop(trial_id)

    def flush(self) -> None:
        """Store the rows that are held, then tell the study."""
        if self._rows or self._epoch_rows:
            self.experiment.append(self._rows, self._epoch_rows)
            self._rows, self._epoch_rows = [], []
        for ended in self._tells:
            if ended.repeat_of is None:
                self._sampling.tell(ended.trial_id, ended.state, ended.value)  # type: ignore[arg-type]  # a final state
            self.experiment.forget_checkpoint(ended.trial_id)
        self._tells = []
        self._stored_at = time.monotonic()

    def settle(self) -> None:
        """Store and tell what has ended, if anything has since `next` did so."""
        if self._tells:
            self.flush()

    def close(self) -> None:
        """Store all, and give trials that were cut off back to the study, which tells them FAIL once."""
        self.flush()
        for trial_id, live in {**self.live, **self._lost, **self._cut_off}.items():
            if live.repeat_of is None:
                self._sampling.requeue(trial_id)
        self.best_model = self._models.settle(self.best())

    # What it amounts to

    def best(self) -> Ended | None:
        """The first run of the configuration with the best mean metric over its seeds; ties to the lower number."""
        leader = next(iter(self.ranked()), None)
        return leader if leader is not None and leader.state == "complete" else None

    def _remember(self, ended: Ended) -> None:
        self.ended[ended.trial_id] = ended
        if ended.repeat_of is None:
            self._counts[ended.state] += 1
        if ended.state == "failed" or ended.value is None or ended.repeat_of is not None or ended.is_on_a_part:
            return
        sign = 1 if self.plan.space.mode == "max" else -1
        leading = self._leading
        if leading is None or leading.value is None or sign * ended.value > sign * leading.value:
            self._leading = ended

    def leading(self) -> Ended | None:
        """The run with the best metric so far, whether it was complete or pruned, on its whole training set."""
        return self._leading

    def ranked(self) -> list[Ended]:
        """First runs that ended with a value: repeated ones by their mean, other complete ones, then the pruned.

        Those that were stopped on a part of their training set are not among them.
        """
        values = self.values_by_configuration()
        sign = 1 if self.plan.space.mode == "max" else -1

        def order(ended: Ended) -> tuple[bool, bool, float, int]:
            runs = values.get(ended.trial_id) or [ended.value or 0.0]
            return ended.state != "complete", len(runs) < 2, -sign * sum(runs) / len(runs), ended.number

        usable = [e for e in self.ended.values() if e.repeat_of is None and e.value is not None and e.state != "failed"]
        return sorted((ended for ended in usable if not ended.is_on_a_part), key=order)

    def on_a_part(self) -> int:
        """How many configurations were stopped on a part of their training set."""
        return sum(e.state == "pruned" and e.is_on_a_part for e in self.ended.values())

    def counts(self) -> dict[str, int]:
        """Configurations by state, without repeats."""
        return {state: self._counts[state] for state in ("complete", "pruned", "failed")}
