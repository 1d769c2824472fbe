"""Tells where a search stands, from its folder alone: state, counts, time, the best, what each worker does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.configurations import configurations
from analysis.load import Results
from analysis.report.live.plain import plain
from analysis.stored.manifest import moment
from analysis.stored.source import StoredExperiment
from analysis.wording.formats import cell
from search.errors import SearchError
from search.experiment.remote.claim import present_state
from search.experiment.remote.store import Store, parse_results_path
from search.experiment.schema import shown
from search.experiment.states import SearchEnd

PACE_AFTER = 4
"""Number of trials that must have ended before their pace says anything."""
LOOK_EVERY_S = 10.0
"""Time for which it holds, in seconds, whether a driver writes to a store."""


def experiments(results: Results) -> list[dict[str, Any]]:
    """Return name, question and state of each experiment, and the manifest's facts that a reader wants at once."""
    return [
        {
            "name": source.name,
            "question": source.manifest.question,
            "state": state(source),
            "address": source.address,
            "sampler": plain(source.manifest.options.get("sampler")),
            "stopping": plain(source.manifest.options.get("stopping")),
            "dataset": source.dataset.name if source.dataset else None,
        }
        for source in results.sources
    ]


def state(source: StoredExperiment, now_s: float | None = None) -> str:
    """Return the manifest's state; a search that says `running`, but to which no driver writes, was cut off.

    A driver holds the lock of a local folder, and renews a marker in a store, which is looked at now and then.
    """
    place, stored = parse_results_path(source.address), source.manifest.state
    if isinstance(place, Path) or stored != SearchEnd.RUNNING:
        return present_state(place, stored)
    return _state_in_store(place, int((time.time() if now_s is None else now_s) / LOOK_EVERY_S))


@lru_cache(maxsize=32)
def _state_in_store(store: Store, period: int) -> str:
    """Return the state of a search that is stored as running; the answer holds for one period of LOOK_EVERY_S."""
    try:
        return present_state(store, SearchEnd.RUNNING)
    except OSError:  # A store that does not answer says nothing of its search.
        return SearchEnd.RUNNING


def counts(results: Results) -> dict[str, int]:
    """Return configurations by state, and the `repeats` of some of them with further seeds that have ended.

    Those that have not ended are `running` where a worker has told of them, `begun` where none has yet (they wait, or
    are in their first epoch), and `unfinished` where the search does not run any more.
    """
    first = results.first_runs["state"].value_counts()
    found = {name: int(first.get(name, 0)) for name in ("complete", "pruned", "failed")}
    again = results.trials.loc[~results.trials.index.isin(results.first_runs.index), "state"]
    with_worker = [entry["worker"] is not None for entry in workers(results)]
    open_ = {"running": sum(with_worker), "begun": len(with_worker) - sum(with_worker)}
    unfinished = 0 if with_worker else int(first.get("running", 0))
    return {**found, **open_, "unfinished": unfinished, "repeats": int((again != "running").sum())}


def wanted(results: Results) -> int | None:
    """Return how many configurations are to end, or None where a manifest does not say."""
    asked = [source.manifest.options.get("trials") for source in results.sources]
    whole = [count for count in asked if isinstance(count, int) and not isinstance(count, bool) and count > 0]
    return sum(whole) if len(whole) == len(asked) else None


def times(results: Results, now: datetime | None = None) -> dict[str, float | None]:
    """Return the seconds `elapsed` since the search was begun or continued, and about how many are `left`.

    `left` is None where the search does not run, or where too few trials have ended since it was begun.
    """
    if len(results.sources) != 1:
        return {"elapsed": None, "left": None}
    source, now = results.sources[0], now or datetime.now(UTC)
    begun, ended_at = _session(source)
    if begun is None:
        return {"elapsed": None, "left": None}
    running = state(source) == "running"
    last = ended_at or (now if running else _last_end(results) or now)
    return {
        "elapsed": max(0.0, (last - begun).total_seconds()),
        "left": _left(results, begun, now) if running else None,
    }


def _left(results: Results, begun: datetime, now: datetime) -> float | None:
    """Return the seconds left by the pace of the configurations that ended here but the first, as the driver does."""
    asked = wanted(results)
    if asked is None or "finished_at" not in results.trials:
        return None
    finished = results.first_runs["finished_at"].dropna()
    here = finished[finished >= begun]
    if len(here) < PACE_AFTER:
        return None
    since: datetime = here.min().to_pydatetime()
    pace = (now - since).total_seconds() / (len(here) - 1)
    return max(0.0, pace * (asked - len(finished)))


def _session(source: StoredExperiment) -> tuple[datetime | None, datetime | None]:
    """Return when the driver's last run began and, if it could say so, ended; None where the manifest does not tell."""
    sessions = source.manifest.stored.get("sessions")
    last = sessions[-1] if isinstance(sessions, list) and sessions else None
    if not isinstance(last, dict):
        return moment(source.manifest.created_at), None
    return moment(last.get("started_at")), moment(last.get("finished_at"))


def _last_end(results: Results) -> datetime | None:
    ends = results.trials["finished_at"].dropna() if "finished_at" in results.trials else pd.Series()
    return ends.max().to_pydatetime() if len(ends) else None


def best(results: Results) -> dict[str, Any] | None:
    """Return the best configuration so far: key, value, number of seeds, and settings; None before one is complete."""
    try:
        row = configurations(results).iloc[0]
    except SearchError:
        return None
    return {
        "key": str(row["key"]),
        "trial": str(row["trial_id"]),
        "value": plain(row["mean"]),
        "runs": int(row["runs"]),
        "config": settings(results, row),
    }


def settings(results: Results, row: pd.Series) -> dict[str, str]:
    """Return the settings of a trial that were searched, as text; inactive ones are left out."""
    return {shown(name): cell(row[name]) for name in results.searched if pd.notna(row[name])}


def workers(results: Results) -> list[dict[str, Any]]:
    """Return what each worker does, one entry for each running trial: worker, trial, epochs, latest value, begin.

    `worker` is None for a trial that was handed out and from which no epoch has come in yet.
    """
    running = results.trials[results.trials["state"] == "running"]
    if running.empty or all(state(source) != "running" for source in results.sources):
        return []
    latest = latest_epochs(results)
    begun = _session(results.sources[0])[0]
    found = []
    for _, row in running.iterrows():
        since = row.get("started_at")
        known = since is not None and pd.notna(since) and (begun is None or since >= begun)
        epoch, value = latest.get(str(row["key"]), (0, None))
        found.append(
            {
                "worker": plain(row.get("worker")) if known else None,
                "key": str(row["key"]),
                "epochs": epoch,
                "value": value,
                "since": plain(since) if known else None,
                "config": settings(results, row),
            }
        )
    return sorted(found, key=lambda entry: (entry["worker"] is None, str(entry["worker"])))


def latest_epochs(results: Results) -> dict[str, tuple[int, float | None]]:
    """Return the last epoch of each trial and the metric after it, by the trial's key."""
    epochs = results.epochs
    if epochs.empty or results.metric not in epochs:
        return {}
    last = epochs.sort_values("epoch").drop_duplicates("key", keep="last")
    return {
        str(key): (int(epoch), value)
        for key, epoch, value in zip(last["key"], last["epoch"], map(_number, last[results.metric]), strict=True)
    }


def _number(value: object) -> float | None:
    found = plain(value)
    return float(found) if isinstance(found, (int, float)) else None
