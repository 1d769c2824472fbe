"""The page of a running search: what it says of a folder, when it reads it, and what its server answers to whom."""

import json
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.load import Results, load
from analysis.report.live import drawn, folder, standing, trial_rows
from analysis.report.live.answers import Answers
from analysis.report.live.details import details
from analysis.report.live.folder import WatchedFolder
from analysis.report.live.server import PageServer, listen
from search.errors import SearchError
from search.experiment.folder import Experiment
from tests.support.analysis_world import SPACE, START, epoch_rows, manifest, searched, trial, write

Row = dict[str, Any]


def begun(number: int, **changes: Any) -> Row:
    """The row of a trial that runs."""
    row = {"trial_id": f"t{number:05d}", "number": number, "state": "running", "seed": 0, "config.filters": 32}
    return {**row, **changes}


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Experiment]:
    """A search that runs: six trials have ended, one trains, one was handed out."""
    session: Row = {"started_at": START.isoformat(), "finished_at": None, "end": "running", "command": []}
    entries = manifest("growing", SPACE, state="running", sessions=[session])
    experiment = Experiment.create(tmp_path / "growing", SPACE, "", entries)
    rows = searched(6)
    training = begun(6, worker="n1:7", node="n1", started_at=START + timedelta(seconds=70))
    epochs = [line for row in rows for line in epoch_rows(row)] + epoch_rows({**training, "epochs": 3})
    experiment.append(trials=[*rows, training, begun(7)], epochs=epochs)
    yield experiment
    experiment.close()


def test_page_says_what_each_worker_does(growing: Experiment) -> None:
    training, handed_out = standing.workers(load(growing.root))
    assert (training["worker"], training["key"], training["epochs"]) == ("n1:7", "t00006", 3)
    assert training["value"] == pytest.approx(epoch_rows({"trial_id": "", "epochs": 3})[-1]["val_accuracy"])
    assert (handed_out["worker"], handed_out["epochs"], handed_out["value"]) == (None, 0, None)
    counts = standing.counts(load(growing.root))
    assert (counts["running"], counts["begun"], counts["unfinished"]) == (1, 1, 0)


def test_a_trial_of_an_earlier_driver_is_not_said_to_be_trained_still(tmp_path: Path) -> None:
    session = {"started_at": (START + timedelta(hours=1)).isoformat()}
    entries = manifest("a", SPACE, state="running", sessions=[session])
    experiment = Experiment.create(tmp_path / "a", SPACE, "", entries)
    experiment.append(trials=[begun(0, worker="n1:7", started_at=START)], epochs=[])
    found = standing.workers(load(experiment.root))
    experiment.close()
    assert [(one["key"], one["worker"], one["since"]) for one in found] == [("t00000", None, None)]


def test_time_left_follows_the_pace_since_the_search_was_gone_on_with(growing: Experiment) -> None:
    results = load(growing.root)
    ends = results.trials["finished_at"].dropna()
    now = ends.min().to_pydatetime() + timedelta(seconds=50)
    times = standing.times(results, now)
    assert times["elapsed"] == pytest.approx((now - START).total_seconds())
    assert times["left"] == pytest.approx(50 / 5 * (40 - 6))  # 40 are asked for.


def test_a_search_that_nobody_writes_to_any_more_was_cut_off(growing: Experiment) -> None:
    results = load(growing.root)
    assert standing.state(results.sources[0]) == "running"
    growing.close()
    assert standing.state(results.sources[0]) == "cut off"
    assert standing.workers(results) == []
    assert standing.times(results)["left"] is None
    counts = standing.counts(results)
    assert (counts["running"], counts["begun"], counts["unfinished"]) == (0, 0, 2)


def test_page_of_a_search_that_was_cut_off_knows_when_it_was_last_written(growing: Experiment) -> None:
    growing.close()
    files = [growing.root / "manifest.json", *growing.root.glob("trials/*"), *growing.root.glob("epochs/*")]
    for file in files:
        os.utime(file, (1e9, 1e9))
    os.utime(files[-1], (1e9 + 60, 1e9 + 60))
    state = Answers(WatchedFolder([str(growing.root)])).state("")
    assert state
    assert (state["experiments"][0]["state"], state["written"]) == ("cut off", 1e9 + 60)


def test_page_asks_a_folder_only_as_often_as_reading_it_allows(growing: Experiment) -> None:
    now = [0.0]
    watched = WatchedFolder([str(growing.root)], clock=lambda: now[0])
    first = watched.read()
    growing.append(trials=[trial(8, 0.9, {"filters": 64})], epochs=[])
    assert watched.read() is first  # Too early.
    now[0] += 5.0
    second = watched.read()
    assert second.number == first.number + 1
    assert len(second.results.trials) == len(first.results.trials) + 1
    now[0] += 5.0
    assert watched.read() is second  # Nothing has changed.


def test_page_sees_what_was_written_while_it_read_the_folder_first(
    growing: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_while_written(address: str) -> Results:
        results = load(address)
        growing.append(trials=[trial(8, 0.9, {"filters": 64})], epochs=[])
        return results

    now = [0.0]
    with monkeypatch.context() as patch:
        patch.setattr(folder, "load", load_while_written)
        watched = WatchedFolder([str(growing.root)], clock=lambda: now[0])
    now[0] += 5.0
    assert "t00008" in set(watched.read().results.trials["trial_id"])


def test_page_gets_only_the_rows_that_changed_since_it_asked(growing: Experiment) -> None:
    changes = trial_rows.Changes()
    changes.take(1, load(growing.root))
    assert len(changes.since(0)["rows"]) == 8
    growing.append(trials=[begun(6, state="failed", error="no memory")], epochs=[])
    changes.take(2, load(growing.root))
    news = changes.since(1)
    assert "error" in news["columns"]  # A new column makes every row a new one.
    growing.append(trials=[begun(7, state="failed", error="no memory")], epochs=[])
    changes.take(3, load(growing.root))
    assert list(changes.since(2)["rows"]) == ["t00007"]
    assert changes.since(3)["rows"] == {}


def test_a_running_trial_has_its_latest_epoch_and_value_in_the_table(growing: Experiment) -> None:
    results = load(growing.root)
    row = dict(zip(trial_rows.columns(results), trial_rows.rows(results)["t00006"], strict=True))
    assert (row["state"], row["epochs"]) == ("running", 3)
    assert row["val_accuracy"] == pytest.approx(0.3 * (1 - 2.718281828 ** (-1.2 * 3)))


def test_of_many_trials_the_curves_of_those_that_run_the_best_and_the_latest_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "MOST_CURVES", 5)
    rows = [trial(number, 0.9 if number == 3 else 0.5, {"filters": 32}) for number in range(20)]
    root = write(tmp_path / "a", rows)
    results = load(root)
    found = drawn.curves(results, "t00003")
    assert set(found["of"]) == {"t00003", "t00019", "t00018", "t00017", "t00016"}
    assert found["left_out"] == 15


def test_of_many_ended_trials_all_that_improved_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "MOST_POINTS", 4)
    values = [0.5, 0.4, 0.3, 0.6, 0.2, 0.1, 0.1, 0.7, 0.1, 0.1, 0.2]
    rows = [trial(number, value, {"filters": 32}) for number, value in enumerate(values)]
    found = drawn.best_so_far(load(write(tmp_path / "a", rows)))
    assert {0.5, 0.6, 0.7} <= set(found["value"])
    assert found["best"][-1] == 0.7
    assert found["finished"][-1] == 11


def test_details_hold_settings_epochs_error_and_output(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(12))
    (root / "logs").mkdir(exist_ok=True)
    (root / "logs" / "t00005.log").write_text("epoch 1\nTraceback: NaN\n")
    found = details(load(root), "t00005")
    assert (found["state"], found["error"], found["output"]) == (
        "failed",
        "NaN loss in epoch 2",
        "epoch 1\nTraceback: NaN\n",
    )
    assert found["settings"]["filters"] in (32, 64)
    assert found["epochs"]["epoch"] == [1]
    with pytest.raises(SearchError, match="no trial 'nobody'"):
        details(load(root), "nobody")


def test_no_path_is_made_of_a_strange_trial_id(tmp_path: Path) -> None:
    (tmp_path / "secret.log").write_text("secret")
    root = write(tmp_path / "a", [{**trial(0, 0.9, {"filters": 32}), "trial_id": "../../secret"}])
    (root / "logs").mkdir(exist_ok=True)
    assert details(load(root), "../../secret")["output"] is None


@pytest.fixture
def server(growing: Experiment) -> Iterator[PageServer]:
    made = listen(0, Answers(WatchedFolder([str(growing.root)])))
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def ask(server: PageServer, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_server_answers_nothing_new_until_something_is(server: PageServer, growing: Experiment) -> None:
    status, body = ask(server, "/state")
    state = json.loads(body)
    assert (status, state["whole"], len(state["trials"]["rows"])) == (200, True, 8)
    assert ask(server, f"/state?since={state['token']}") == (204, b"")
    growing.close()  # A search that is killed writes nothing: its state is another one all the same.
    status, body = ask(server, f"/state?since={state['token'].replace(',', '%2C')}")
    assert json.loads(body)["experiments"][0]["state"] == "cut off"
    assert json.loads(body)["trials"]["rows"] == {}


def test_page_of_another_server_gets_everything_anew(server: PageServer) -> None:
    state = json.loads(ask(server, "/state?since=0badcafe-1-running")[1])
    assert (state["whole"], len(state["trials"]["rows"])) == (True, 8)


def test_server_serves_every_file_that_its_page_names(server: PageServer) -> None:
    _, page = ask(server, "/")
    named = re.findall(r'(?:href|src)="([a-z]+\.(?:css|js))"', page.decode())
    modules = re.findall(r'from "\./([a-z]+\.js)"', ask(server, "/live.js")[1].decode())
    assert len(named) == 3
    assert len(modules) == 3
    assert {ask(server, f"/{name}")[0] for name in (*named, *modules)} == {200}
    assert ask(server, "/../../manifest.json")[0] == 404


def test_server_answers_only_to_its_own_name_and_listens_on_this_machine_only(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/state", Host="elsewhere.example")[0] == 403
    assert ask(server, "/state", Host=f"localhost:{server.server_port}")[0] == 200


def test_figure_without_data_is_told_in_one_line(server: PageServer) -> None:
    status, told = ask(server, "/figure?kind=confusion")
    assert status == 409
    assert len(told.splitlines()) == 1
    assert ask(server, "/figure?kind=progress")[1].startswith(b"<?xml")
    assert ask(server, "/figure?kind=progress&phone=1")[1].startswith(b"\x89PNG")


def test_a_port_that_is_taken_is_refused_where_it_was_asked_for(server: PageServer, growing: Experiment) -> None:
    with pytest.raises(SearchError, match=f"port {server.server_port} cannot be had"):
        listen(server.server_port, server.answers)


def test_moments_without_a_zone_or_sense_are_no_error(tmp_path: Path) -> None:
    for said in ("yesterday", None, "2025-01-01T00:00:00"):
        root = write(tmp_path / f"a{said}", searched(4), sessions=[{"started_at": said}], state="finished")
        times = standing.times(load(root), datetime.now(UTC))
        assert times["left"] is None
