"""Proposes configurations, takes reports and ends of trials, and keeps both in a study that outlives the process.

There are two studies. The sampler draws in one in memory, where a draw that turns out to be a duplicate can be thrown
away; the durable one holds exactly what was proposed, each trial whole from its first line on.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.goals import Values
from search.sampling.declared import Translation
from search.sampling.drawing import Draw, Drawing
from search.sampling.functions import Built
from search.sampling.journal import Finished, Record, State, Value
from search.sampling.multi_fidelity import MODELLED, Foreseen
from search.sampling.proposals import Proposal, RunningProposal, frozen
from search.sampling.translation import translate
from search.space import Config, Space
from search.space.building.space_process import BuildApart

_WITH_VALUE = (TrialState.COMPLETE, TrialState.PRUNED)
_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


class Sampling:
    """A sampler over a space, and the study that remembers it under `name`, in `journal` or (None) only in memory."""

    def __init__(self, space: Space, journal: Path | None, *, sampler: str, seed: int, name: str = "search") -> None:
        # Optuna would print each trial as it ends, which the live view does here.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._translation: Translation = translate(space)
        self._drawing = Drawing(space, self._translation, sampler, seed)
        self._record = Record(journal, space.goals.directions, name)
        self._objectives = len(space.goals.directions)
        self._running: dict[str, RunningProposal] = {}
        self._again: deque[tuple[Proposal, Draw]] = deque()
        self._ended_before: set[tuple[str, TrialState]] = set()
        """Trials that run once more although the study has an end of theirs, with that end."""
        self._modelled: set[str] = set()
        self._next = 0
        self._foreseen: dict[str, Foreseen] | None = None
        """What `foresee` has found; None once anything has come in since."""

    def know(self, earlier: Iterable[Finished]) -> None:
        """Let the sampler learn, before anything else, from trials of earlier searches, which the study does not
        hold."""
        for row in earlier:
            state, values = self._ending(row.state, row.value, row.reports)
            self._drawing.know(state, values, dict(row.config), row.reports, row.excess)

    def resume(
        self, finished: Mapping[str, Finished], running: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    ) -> None:
        """Bring the study of an earlier process up to the table, before the first `ask`.

        `finished` holds the rows of trials that ended, by trial_id. Those that were not told are told, and those that
        only the table has are added. All other trials of the study are told FAIL, if they were running, and are
        proposed again under their own number, before anything new. The same goes for those that only `running` has,
        which holds values by parameter, by trial_id. Where the study has the end of a trial whose row the table has
        lost, the study's end counts, unless it then ends in another way: a trial that was stopped, and led even so,
        may have been cut off on its way to its end.
        """
        ends = {(t.user_attrs["trial_id"], t.state) for t in self._record.trials() if t.state in _WITH_VALUE}
        ids = {trial_id for trial_id, _ in ends}
        self._ended_before = {(trial_id, state) for trial_id, state in ends if trial_id not in finished}
        for trial in self._record.trials():
            if trial.state == TrialState.RUNNING:
                trial_id = trial.user_attrs["trial_id"]
                self._reap(trial, None if trial_id in ids else finished.get(trial_id))
        self._add_missing(finished)
        lost = {trial_id: self._from_row(trial_id, row) for trial_id, row in running.items()}
        known = {**lost, **self._known()}
        self._modelled = {trial_id for trial_id, (_, draw) in known.items() if draw.modelled}
        self._drawing.learn(self._record.trials(), self._failed(finished))
        for proposal, _ in known.values():
            self._drawing.seen(proposal.config)
        self._next = 1 + max((proposal.number for proposal, _ in known.values()), default=-1)
        unfinished = [known[trial_id] for trial_id in known if trial_id not in finished]
        self._again.extend(sorted(unfinished, key=lambda pair: pair[0].number))

    def build_each_proposal(self, build: BuildApart) -> None:
        """Let a build tell, from here on, what each configuration has beside the declared parameters."""
        self._translation = Built(build, self._translation)
        self._drawing.translate_by(self._translation)

    @property
    def has_cut_off(self) -> bool:
        """Whether trials that were cut off are to begin again, which they do before any new one."""
        return bool(self._again)

    def ask(self) -> Proposal | None:
        """Return the next configuration, or None when the space has no other one."""
        if self._again:
            return self._begin(*self._again.popleft())
        draw = self._drawing.draw()
        if draw is None:
            return None
        self._next += 1
        return self._begin(Proposal(self._next - 1, f"{self._next - 1:05d}", draw.config), draw)

    def take(self, config: Config) -> Proposal:
        """Begin a configuration that was not drawn, under the next number.

        After a resume that is the same trial again, if the process before had begun it and could not store its row.
        """
        for proposal, draw in self._again:
            if proposal.config == config:
                self._again.remove((proposal, draw))
                return self._begin(proposal, draw)
        self._drawing.seen(config)
        self._next += 1
        draw = Draw(config, *self._translation.store(config), None)
        return self._begin(Proposal(self._next - 1, f"{self._next - 1:05d}", config), draw)

    def ask_again(self, trial_id: str) -> Proposal:
        """Propose a trial that has ended once more; the study keeps its earlier end beside the later one."""
        return self._begin(*self._known()[trial_id])

    def _begin(self, proposal: Proposal, draw: Draw) -> Proposal:
        trial = frozen(proposal, draw, TrialState.RUNNING)
        drawn = self._drawing.start(trial) if draw.number is None else draw.number
        if draw.modelled:
            self._modelled.add(proposal.trial_id)
        self._running[proposal.trial_id] = RunningProposal(proposal, draw, self._record.add(trial), drawn)
        return proposal

    def report(self, trial_id: str, epoch: int, value: float, seconds: float | None = None) -> None:
        """Take the metric of a running trial after an epoch; an epoch that was reported before keeps its value.

        With `seconds`, what the epoch took, `mfgp` looks for the largest gain per second. The shortest counts.
        """
        running = self._running[trial_id]
        if epoch in running.reports:
            return
        running.reports[epoch] = value
        self._record.report(running.storage_id, {epoch: value})
        self._drawing.report(running.drawn_number, epoch, value)
        if seconds is not None and seconds < running.shortest_epoch_s:
            running.shortest_epoch_s = seconds
            self._drawing.time(running.drawn_number, seconds)
        self._foreseen = None

    def foresee(self) -> Mapping[str, Foreseen]:
        """Return what the sampler expects of running trials that have reported, by trial_id.

        It is empty where the sampler has no model of learning curves, or none yet. Each call costs a few milliseconds
        after a report, and nothing otherwise.
        """
        if self._foreseen is None:
            found = self._drawing.foresee()
            numbers = {trial_id: running.drawn_number for trial_id, running in self._running.items()}
            self._foreseen = {trial_id: found[number] for trial_id, number in numbers.items() if number in found}
        return self._foreseen

    def tell(
        self,
        trial_id: str,
        state: State,
        value: Value,
        about: Mapping[str, str] = MappingProxyType({}),
        excess: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """End a running trial; a complete one without a number has failed, and a pruned one keeps its last report.

        `about` is stored with the trial for whoever looks at the study; the sampler does not see it. `excess` says how
        far it is beyond constraints; it may be known of a trial that was not trained for that.
        """
        self._end(self._running.pop(trial_id), state, value, failed=True, about=about, excess=excess)

    def requeue(self, trial_id: str) -> None:
        """Take back a trial that was cut off: its attempt is told FAIL, and its configuration is proposed next."""
        running = self._running.pop(trial_id)
        self._end(running, "failed", None, failed=False)
        self._again.append((running.proposal, replace(running.draw, number=None)))

    def _end(
        self,
        running: RunningProposal,
        state: State,
        value: Value,
        *,
        failed: bool,
        about: Mapping[str, str] = MappingProxyType({}),
        excess: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        end, kept = self._ending(state, value, running.reports)
        if (running.proposal.trial_id, end) in self._ended_before:
            self._record.finish(running.storage_id, TrialState.FAIL, None)
        else:
            about = {**about, **self._drawing.timed(running.drawn_number)}
            self._record.finish(running.storage_id, end, kept, about, excess)
        self._drawing.finish(running.drawn_number, end, kept, failed and end == TrialState.FAIL, excess)
        self._foreseen = None

    def is_modelled(self, trial_id: str) -> bool:
        """Return whether a model proposed the trial, which is then like those that did well."""
        return trial_id in self._modelled

    def counts(self) -> dict[str, int]:
        """Return how many trials of the study are complete, pruned, failed and running."""
        return dict(Counter(trial.state.name.lower() for trial in self._record.trials()))

    def configurations(self) -> dict[str, Config]:
        """Return what was proposed, by trial_id, with every value as it was; a table holds some of them as text."""
        return {trial_id: proposal.config for trial_id, (proposal, _) in self._known().items()}

    def _known(self) -> dict[str, tuple[Proposal, Draw]]:
        """Return what was proposed with how it was drawn, by trial_id."""
        known = {}
        for trial in self._record.trials():
            config = self._translation.restore(trial.params)
            noted = json.loads(trial.user_attrs.get("config", "{}"))
            config |= {name: value for name, value in noted.items() if name not in config}  # What no table showed.
            proposal = Proposal(trial.user_attrs["number"], trial.user_attrs["trial_id"], config)
            draw = Draw(config, trial.params, trial.distributions, None, MODELLED in trial.user_attrs)
            known[proposal.trial_id] = (proposal, draw)
        return known

    def _failed(self, finished: Mapping[str, Finished]) -> set[int]:
        """Return Optuna's number of the last attempt of each trial that failed by itself."""
        last = {trial.user_attrs["trial_id"]: trial for trial in self._record.trials()}
        ended = {trial_id: self._ending(row.state, row.value, row.reports)[0] for trial_id, row in finished.items()}
        return {trial.number for trial_id, trial in last.items() if ended.get(trial_id) == TrialState.FAIL}

    def _reap(self, trial: FrozenTrial, row: Finished | None) -> None:
        stored = self._record.id_of(trial)
        if row is None:
            self._record.finish(stored, TrialState.FAIL, None)
            return
        self._record.report(stored, {e: v for e, v in row.reports.items() if e not in trial.intermediate_values})
        end, values = self._ending(row.state, row.value, {**trial.intermediate_values, **row.reports})
        self._record.finish(stored, end, values, row.about, row.excess)

    def _add_missing(self, finished: Mapping[str, Finished]) -> None:
        ended = {(trial.user_attrs["trial_id"], trial.state) for trial in self._record.trials()}
        known = self._known()
        for trial_id, row in sorted(finished.items()):
            state, values = self._ending(row.state, row.value, row.reports)
            if (trial_id, state) not in ended:
                proposal, draw = known.get(trial_id) or self._from_row(trial_id, row.config)
                self._record.add(frozen(proposal, draw, state, values, row))

    def _ending(self, state: State, value: Value, reports: Mapping[int, float]) -> tuple[TrialState, Values | None]:
        """Return Optuna's state and values: a complete trial without a number failed, a pruned one has its last report.

        Where there are several objectives only a complete trial has their values.
        """
        if state == "pruned":
            value = reports[max(reports)] if reports else value
        values = (value,) if isinstance(value, (int, float)) else value
        is_whole = values is not None and len(values) == self._objectives and not any(map(math.isnan, values))
        if state == "failed" or (state == "complete" and not is_whole):
            return TrialState.FAIL, None
        return _STATES[state], values if is_whole else None

    def _from_row(self, trial_id: str, row: Mapping[str, object]) -> tuple[Proposal, Draw]:
        config = self._translation.read(row)
        return Proposal(int(trial_id), trial_id, config), Draw(config, *self._translation.store(config), None)
