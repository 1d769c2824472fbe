"""What came back from workers, and what follows from it: the tables first, then the study.

A search that is killed between the two tells the study when it is resumed; nothing is counted twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping

from search.driver.giving_up import Faults
from search.driver.kept_models import KeptModels
from search.driver.ranking import best, front, scores
from search.driver.rows import epoch_row, finished_row, running_row, said_of, score_of, write_log
from search.driver.trials import ActiveTrial, EndedTrial, Trials
from search.experiment.folder import Experiment
from search.experiment.states import TrialState
from search.goals import Values
from search.planning.plan import Plan
from search.sampling import Sampling
from search.space.building.space_process import BuildApart
from search.space.definition import LEADERS
from search.space.loading import builds_of
from search.stopping import Decision, StoppingRule
from search.trial.messages import Metrics, Report, TrialEnd, WorkerId
from search.trial.reads import Alike, Unread

STORE_EVERY_S = 2.0
"""Longest time for which the epochs of running trials are held in memory only."""
ATTEMPTS = 3
"""How often a trial is begun whose worker is lost."""
PACE_AFTER = 4
"""So many trials must have ended before their pace says anything."""


class Recorder:
    """Takes reports: decides by the stopping rule, stores rows, tells the study, and notes events for the screen."""

    def __init__(
        self, plan: Plan, experiment: Experiment, trials: Trials, sampling: Sampling, rule: StoppingRule
    ) -> None:
        self._plan, self._experiment, self._trials = plan, experiment, trials
        self._sampling, self._rule = sampling, rule
        self.faults = Faults()
        self._builds: BuildApart | None = None
        """The process that builds each later trial's model to learn its parameters; None until one is needed."""
        self._searches_late_parameters = getattr(plan.space.trainable, "builds", False) and plan.space.sampler != "grid"
        self.unread = Unread("later trials search it") if self._searches_late_parameters else Unread()
        self.alike = Alike()
        self.models = KeptModels(experiment, 1 if plan.space.repeats == 1 else LEADERS, plan.space.goals)
        self.events: list[str] = []
        """What befell workers and trials, one line each, oldest first."""
        self.workers: set[WorkerId] = set()
        """Training processes that have reported."""
        self.latest_failure: tuple[str, str] | None = None
        """Trial id and error of the last trial that failed."""
        self.best_model: str | None = None
        """Where the best trial's model lies within the experiment, after `close`."""
        self._rows: list[Mapping[str, object]] = []
        self._epoch_rows: list[Mapping[str, object]] = []
        """Rows of both tables that are not stored yet."""
        self._untold: list[EndedTrial] = []
        """Trials of whose end the study is to be told once their rows are stored."""
        self._stored_at = time.monotonic()
        self._ended_here, self._first_end = 0, 0.0
        """Configurations that this driver has seen end, and when the first of them did."""
        self._front: Mapping[str, Values] = {}
        self._front_after: tuple[int, str | None] = (0, None)
        """The number of ended trials, and the last of them, for which `_front` was made."""

    def begin(self, trial: ActiveTrial) -> None:
        """Take in a trial that is handed out for the first time."""
        self._trials.begin(trial)
        self._rows.append(running_row(self._plan, trial))

    def note(self, events: Iterable[str]) -> None:
        """Add lines for the screen."""
        self.events.extend(events)

    # Reports

    def take(self, report: Report) -> bool:
        """Take a worker's report; True when the trial must not go on, by the stopping rule or because it has ended."""
        self.note(report.events)
        if report.worker is not None:
            self.workers.add(report.worker)
        trial = self._trials.running.get(report.trial_id)
        if trial is None:
            return True
        is_news = report.worker is not None and report.worker != trial.worker
        trial.node, trial.worker = report.node or trial.node, report.worker or trial.worker
        trial.facts |= report.facts
        if trial.begun is None and report.begun_s_ago is not None:
            trial.begun, trial.started_at = time.monotonic() - report.begun_s_ago, time.time() - report.begun_s_ago
        if is_news:  # Whoever reads the folder sees who trains it, and since when; if it has ended, a later row holds.
            self._rows.append(running_row(self._plan, trial))
        decision = Decision.CONTINUE
        for metrics in report.epochs:
            decision = self._take_epoch(trial, metrics)
        if report.end is not None:
            self._take_end(trial, report.end)
        elif decision is Decision.STOP and report.waits:
            self._end(trial, TrialEnd(TrialState.PRUNED, output=report.output))
            return True
        elif decision is Decision.PAUSE and report.waits:
            self._trials.pause(report.trial_id, report.output)
            return True
        if time.monotonic() - self._stored_at > STORE_EVERY_S:
            self.flush()
        return False

    def _take_epoch(self, trial: ActiveTrial, metrics: Metrics) -> Decision:
        epoch = int(metrics["epoch"])
        if trial.epochs and epoch <= trial.epochs[-1]["epoch"]:
            return Decision.CONTINUE  # Repeated after a restart.
        trial.epochs.append(metrics)
        self._epoch_rows.append(epoch_row(trial.spec.trial_id, metrics))
        if trial.repeat_of is not None:
            return Decision.CONTINUE
        self._trials.count_epoch(trial.spec.trial_id, epoch)
        value = metrics[self._plan.space.metric]
        # Under its epoch also where the training set grows: TPE ranks pruned trials by how far they came, and by value
        # only those that came as far and so had the same share; to GP and CMA-ES they look worse than they are.
        # By measured seconds no search is the same twice: only where time is what is scarce.
        seconds = None if self._plan.options.time_budget_s is None else metrics.get("seconds")
        self._sampling.report(trial.spec.trial_id, epoch, value, seconds)
        return self._rule.decide(trial.spec.trial_id, epoch, value)

    def _take_end(self, trial: ActiveTrial, end: TrialEnd) -> None:
        trial_id = trial.spec.trial_id
        if end.state is TrialState.INTERRUPTED:
            self._trials.put_back(trial_id)  # Its row stays `running`.
            if end.unwritten is not None:  # It has not failed, and no other trial could be stored either.
                self.flush()
                raise self._experiment.lost(OSError(end.unwritten, os.strerror(end.unwritten)))
            return
        alone = trial.spec.shape.with_whole_gpu() if end.out_of_memory and self._plan.options.oom_retry else None
        if alone is not None:
            self.note([f"trial {trial_id} is run once more, alone on a whole GPU: {end.error}"])
            self._trials.put_back(trial_id, shape=alone)
        else:
            self._end(trial, end)

    def _end(self, trial: ActiveTrial, end: TrialEnd) -> None:
        trial_id, error = trial.spec.trial_id, end.error or ""
        row = finished_row(self._plan, trial, end, write_log(self._experiment, trial_id, end))
        value = score_of(trial, self._plan.space)
        ended = EndedTrial(trial_id, trial.number, end.state, value, trial.config, trial.repeat_of, row)
        self._trials.end(ended)
        self._rows.append(row)
        self._untold.append(ended)
        self._first_end = self._first_end or time.monotonic()
        self._ended_here += ended.repeat_of is None
        self.faults.take(end.state, error, end.diverged)
        self._rule.end(trial_id)
        if end.state is TrialState.FAILED:
            self._rule.forget(trial_id)
            self.latest_failure = (trial_id, error)
        self.models.offer(ended)
        self.note(self.unread.take({**self._plan.space.fixed, **trial.config}, end))
        if end.added:
            self.search_late_parameters()
        if end.state is TrialState.COMPLETE and trial.repeat_of is None:
            self.note(self.alike.take(trial_id, trial.config, trial.epochs))

    def give_way(self, trial_id: str) -> None:
        """A member of a population that waits ends, for another to follow a better one."""
        trial = self._trials.waiting[trial_id]
        self._end(trial, TrialEnd(TrialState.PRUNED, output=trial.output))

    def search_late_parameters(self) -> None:
        """Search also what a model asks for that no build before the search showed: a build tells it of each trial."""
        if self._searches_late_parameters and self._builds is None:
            self._builds = builds_of(self._plan.space_file, self._plan.space.fixed)
            self._sampling.build_each_proposal(self._builds)

    # Workers that are gone

    def lose_worker(self, trial_id: str) -> None:
        """The worker of a trial was lost, with its node or alone: the trial is begun again, a few times."""
        trial = self._trials.running.get(trial_id)
        if trial is None:
            return
        trial.lost_workers += 1
        self.note([f"the worker of trial {trial_id} was lost"])
        if trial.lost_workers < ATTEMPTS:
            self._trials.put_back(trial_id)
        else:
            self._end(trial, TrialEnd(TrialState.FAILED, error=f"its worker was lost {trial.lost_workers} times"))

    def refuse_node(self, trial_id: str, reason: str, none_left: bool = False) -> None:
        """A worker's node does not fit: its trial is begun on another; the search ends where there are no others.

        `none_left`: every node has been refused, also those that have trained before.
        """
        if reason not in self.events:
            self.note([reason])
        self._trials.put_back(trial_id)
        self.faults.refuse_node(reason, has_trained=bool(self.workers), none_left=none_left)

    # Storing and telling

    def flush(self) -> None:
        """Store the rows that are held, then tell the study."""
        if self._rows or self._epoch_rows:
            self._experiment.append(self._rows, self._epoch_rows)
            self._rows, self._epoch_rows = [], []
        for ended in self._untold:
            if ended.repeat_of is None:
                state, goals = str(ended.state), self._plan.space.goals
                judged = goals.judged_by(ended.row) if goals.objectives else ended.value
                self._sampling.tell(ended.trial_id, state, judged, said_of(ended.row), goals.excess(ended.row))  # type: ignore[arg-type]  # final
            self._forget_checkpoints(ended.trial_id)
        self._untold = []
        self._stored_at = time.monotonic()

    def _forget_checkpoints(self, trial_id: str) -> None:
        """Remove those of a trial that has ended, and of its parent if that has too, unless others begin with them."""
        parent = self._trials.parents.get(trial_id)
        for ended in (trial_id, *([parent.trial_id] if parent is not None else [])):
            if ended in self._trials.ended and not self._trials.is_followed(ended):
                self._experiment.forget_checkpoint(ended)

    def forget_left_checkpoints(self) -> None:
        """Remove those of trials whose end an earlier driver stored, and was killed before it removed them."""
        for folder in self._experiment.checkpoints.glob("*"):
            self._forget_checkpoints(folder.name)

    def flush_ended(self) -> None:
        """Store and tell what has ended, if anything has since the last `flush`."""
        if self._untold:
            self.flush()

    def close(self) -> None:
        """Store all, give trials that were cut off back to the study, which tells them FAIL once, name the best model.

        A resumed search proposes those trials first, with their ids.
        """
        self.flush()
        for trial in self._trials.active():
            if trial.repeat_of is None:
                self._sampling.requeue(trial.spec.trial_id)
        if self._builds is not None:
            self._builds.process.close()
        self._mark_the_front()
        self.best_model = self.models.name_best(best(self._trials.ended.values(), self._plan.space.goals))

    def _mark_the_front(self) -> None:
        """With several objectives, store of each complete first run whether it is on the front, where that is news."""
        if not self._plan.space.objectives:
            return
        on = set(front(self._trials.ended.values(), self._plan.space.goals))
        complete = (t for t in self._trials.ended.values() if t.state is TrialState.COMPLETE and t.repeat_of is None)
        self._experiment.append([row for t in complete if (row := {**t.row, "on_front": t.trial_id in on}) != t.row])

    def front(self) -> Mapping[str, Values]:
        """What each configuration on the front reaches, as often as asked; it is made anew after a trial has ended."""
        ended, goals = self._trials.ended, self._plan.space.goals
        latest = (len(ended), next(reversed(ended), None))
        if latest != self._front_after:
            known = scores(ended.values(), goals)
            self._front_after, self._front = latest, {one: known[one] for one in front(ended.values(), goals)}
        return self._front

    def seconds_per_trial(self) -> float | None:
        """The pace of the configurations that this driver has seen end, the first start left out; None at first."""
        if self._ended_here < PACE_AFTER:
            return None
        return (time.monotonic() - self._first_end) / (self._ended_here - 1)
