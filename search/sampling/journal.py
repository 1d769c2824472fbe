"""The durable Optuna study: a journal file that a crash cannot spoil and that costs one flush to disk per trial."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import optuna
from optuna import load_study
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.errors import SearchError
from search.goals import Values
from search.wording import error_text

CONSTRAINT = "constraints:"
"""What stands before a constraint's name in a trial's system attributes, from which Optuna's samplers read it."""
_CREATE_TRIAL = 4  # Optuna's number of the only operation of ours that must be on disk before anything follows.


State = Literal["complete", "pruned", "failed"]
Value = float | Values | None
"""What a trial is judged by: its metric, or the value of each of several objectives."""


@dataclass(frozen=True)
class Finished:
    """What the experiment's table says of a trial that has ended."""

    state: State
    value: Value
    config: Mapping[str, object] = field(default_factory=dict)
    """Values by parameter, as the table holds them; used only for a trial that the journal has lost."""
    reports: Mapping[int, float] = field(default_factory=dict)
    """Value of the metric after each epoch."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What else the study is to say of the trial by name, such as its worker and its error."""
    excess: Mapping[str, float] = field(default_factory=dict)
    """By how much it exceeds each constraint, as `Constraint.excess` has it."""


class Record:
    """The study in a journal file, or one in memory without a file.

    A new study is called `name` and says of which metrics, with which `directions`, its values are, for whoever opens
    the file with Optuna.
    """

    def __init__(self, path: Path | None, directions: Mapping[str, str], name: str) -> None:
        self.storage: BaseStorage = InMemoryStorage() if path is None else JournalStorage(_Backend(path))
        studies = self.storage.get_all_studies()
        if studies:
            self.study_id = self.storage.get_study_id_from_name(studies[0].study_name)
        else:
            self.study_id = self.storage.create_new_study(optuna_directions(directions), name)
            with warnings.catch_warnings():  # Optuna calls this class an experiment, and has had it since 3.2.
                warnings.simplefilter("ignore", ExperimentalWarning)
                load_study(study_name=name, storage=self.storage).set_metric_names(list(directions))

    def trials(self) -> list[FrozenTrial]:
        """Return the trials of the study, which must not be changed."""
        return self.storage.get_all_trials(self.study_id, deepcopy=False)

    def id_of(self, trial: FrozenTrial) -> int:
        """Return the id by which the storage knows a trial of the study."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, trial.number)

    def add(self, trial: FrozenTrial) -> int:
        """Store a trial as it is, in one line of the journal, and return the id by which the storage knows it."""
        return self.storage.create_new_trial(self.study_id, trial)

    def report(self, storage_id: int, reports: Mapping[int, float]) -> None:
        """Store the value of each epoch."""
        for epoch, value in reports.items():
            self.storage.set_trial_intermediate_value(storage_id, epoch, value)

    def finish(
        self,
        storage_id: int,
        state: TrialState,
        values: Sequence[float] | None,
        about: Mapping[str, str] = MappingProxyType({}),
        excess: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Store how the trial ended, and what there is to say `about` it by name; afterwards it cannot be changed.

        `excess` says of constraints how far beyond them it is.
        """
        for name, text in about.items():
            self.storage.set_trial_user_attr(storage_id, name, text)
        for name, beyond in excess.items():
            self.storage.set_trial_system_attr(storage_id, CONSTRAINT + name, beyond)
        self.storage.set_trial_state_values(storage_id, state, values)


def optuna_directions(directions: Mapping[str, str]) -> list[StudyDirection]:
    """Return the directions as Optuna has them."""
    return [StudyDirection.MAXIMIZE if mode == "max" else StudyDirection.MINIMIZE for mode in directions.values()]


Earlier = tuple[str, tuple[float, ...] | None, dict[str, Any], dict[int, float]]
"""State, values, parameters and values by step of a trial of any study."""


def read_study(address: str, directions: Mapping[str, str]) -> list[Earlier]:
    """Return the trials of any study of Optuna that have ended; raises SearchError where there is none, or several.

    `address` is the path of a journal or a SQLite file, or a database's address; `#NAME` after it names the study.
    """
    place, _, name = address.partition("#")
    try:
        storage = _open_storage(place)
        names = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
    except Exception as error:  # SQLAlchemy, a missing driver, or a file that is not a journal raise dozens of types.
        raise SearchError(f"--warm-start {address} cannot be read: {error_text(error)[:200]}.") from None
    if name not in names and (name or len(names) != 1):
        raise SearchError(
            f"--warm-start {address}: {'no such study' if name else 'several studies, or none'}. Expected "
            f"{place}#NAME, with one of: {', '.join(names) or 'none'}."
        )
    study = optuna.load_study(study_name=name or names[0], storage=storage)
    if study.directions != optuna_directions(directions):
        wanted = " and the ".join([*directions.values()])
        raise SearchError(
            f"--warm-start {address}: {study.study_name!r} does not search for the {wanted} of "
            f"{'one value' if len(directions) == 1 else 'its values'}."
        )
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    return [
        (t.state.name.lower(), tuple(t.values) if t.values else None, dict(t.params), dict(t.intermediate_values))
        for t in ended
    ]


def _open_storage(place: str) -> BaseStorage:
    if "://" in place:
        return optuna.storages.RDBStorage(place)
    with Path(place).open("rb") as file:
        is_sqlite = file.read(6) == b"SQLite"
    return optuna.storages.RDBStorage(f"sqlite:///{place}") if is_sqlite else JournalStorage(JournalFileBackend(place))


class _Backend(JournalFileBackend):
    """Optuna's journal file, without its lock and with fewer flushes.

    Optuna's lock is a link beside the file; one that a killed process left would cost the next process 30 seconds. The
    folder has only one writer anyway, by the experiment's own lock, and an append is one system call. A line that is
    only in the cache of the operating system survives the death of the process. The death of the machine can take
    reports and ends of trials, which a resume takes from the Parquet rows, but no proposal.
    """

    def __init__(self, path: Path) -> None:
        cut_torn_end(path)
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            _write_whole(file, text.encode())
            if any(log["op_code"] == _CREATE_TRIAL for log in logs):
                os.fsync(file)
        finally:
            os.close(file)


def _write_whole(file: int, lines: bytes) -> None:
    """Write all of the lines or none of them; raises OSError.

    A disk that is full takes what it has space for, says how much that was, and refuses only the next call.
    """
    before = os.fstat(file).st_size
    try:
        while lines:
            lines = lines[os.write(file, lines) :]
    except OSError:
        os.ftruncate(file, before)  # The next line would be lost with the half of one before it.
        raise


def cut_torn_end(path: Path) -> None:
    """Shorten the journal to its whole lines, up to the first that cannot be read.

    A writer that dies leaves at most its last line torn. Where more is lost, by a disk or an editor, the file is kept
    as it was under the name `study.journal.damaged`; the trials after the damage come from the table.
    """
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    whole = next((position for position, line in enumerate(lines) if not _is_whole(line)), len(lines))
    if whole < len(lines) - 1:
        shutil.copyfile(path, path.with_name(path.name + ".damaged"))
    if whole < len(lines):
        os.truncate(path, sum(map(len, lines[:whole])))


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
