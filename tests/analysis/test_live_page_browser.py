"""A search that runs, followed in a real browser: what is shown changes, and a server that dies harms nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support import chromium, curve_space
from tests.support.chromium import Page

PROGRAM = chromium.find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine; apt-get install chromium brings it"),
]
DONE = "Number(document.getElementById('done').textContent.split(' ')[0])"
LINES = "document.querySelectorAll('#trial-table tbody tr').length"


@dataclass
class Watched:
    """What one search showed from its beginning to its end; it is run once, and the tests look at what was seen."""

    root: Path
    code: int
    printed: str
    counts: list[int]
    """Ended trials as the page said, one after the other."""
    curves: list[int]
    """Points of all drawn curves at the same moments."""
    worker: str
    """What the page said of the first worker."""
    lost: str
    """What the page said while its server was dead, and how many trials it still showed."""
    lines_kept: int
    last: str
    """How the page said that the search has ended."""
    requests: list[str]


def points(browser: Page) -> int:
    """How much of curves is drawn: the length of their paths."""
    paths = "[...document.querySelectorAll('#curve-chart path')].map((path) => path.getAttribute('d').length)"
    return int(browser.value(f"{paths}.reduce((a, b) => a + b, 0)"))


def rows(root: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(root / "trials.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert PROGRAM
    with Page(PROGRAM, tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture(scope="module")
def watched(window: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    results = tmp_path_factory.mktemp("results")
    words = ["-m", "search.run", curve_space.__file__, "--name", "watched", "--results", str(results), "--page"]
    search = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "CURVES_HURRY": str(results / "hurry")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    again = None
    try:
        address, printed = _address(search)
        window.open(address)
        window.wait(f"{DONE} >= 1", seconds=180)  # Ray's workers have the least claim to a busy machine.
        worker = window.wait("document.querySelector('#workers tbody').innerText")
        counts, curves = [], []
        for _ in range(3):
            counts.append(window.value(DONE))
            curves.append(points(window))
            window.wait(f"{DONE} > {counts[-1]}")
        [server] = children(search.pid, "analysis.report")
        os.kill(server, signal.SIGKILL)
        lost = window.wait("document.getElementById('connection').textContent")
        lines = window.value(LINES)
        (results / "hurry").touch()
        again = serve(results / "watched", int(address.rstrip("/").rpartition(":")[2]))
        window.wait("document.getElementById('connection').textContent === ''")
        rest, _ = search.communicate(timeout=120)
        last = window.wait("document.getElementById('left').textContent.match(/finished/)?.[0]")
        yield Watched(
            results / "watched", search.returncode, printed + rest, counts, curves, worker, lost, lines, last,
            window.requests,
        )  # fmt: skip
    finally:
        for process in (search, again):
            if process is not None and process.poll() is None:
                process.terminate()
                process.communicate(timeout=60)


def _address(search: subprocess.Popen[str]) -> tuple[str, str]:
    """Where the page is, as the command says, and all that it has printed until then."""
    assert search.stdout
    printed = ""
    for line in search.stdout:
        printed += line
        if line.startswith("page:"):
            return line.split()[-1], printed
    raise AssertionError(printed)


def serve(root: Path, port: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "analysis.report", str(root), "--serve", "--port", str(port)]
    made = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert made.stdout
    assert made.stdout.readline().startswith("http://127.0.0.1:")
    return made


def children(pid: int, words: str) -> list[int]:
    """The processes that a process has started whose command holds these words."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if words.encode() in Path(f"/proc/{one}/cmdline").read_bytes()]


def test_what_is_shown_changes_while_the_search_runs(watched: Watched) -> None:
    assert watched.counts == sorted(set(watched.counts))
    assert watched.curves[-1] > watched.curves[0]
    assert "learning_rate=" in watched.worker


def test_page_whose_server_was_killed_keeps_what_it_shows_and_says_so(watched: Watched) -> None:
    assert "does not answer" in watched.lost
    assert watched.lines_kept >= watched.counts[-1]


def test_search_whose_page_was_killed_loses_nothing(watched: Watched) -> None:
    assert watched.code == 0, watched.printed
    states = [row["state"] for row in rows(watched.root)]
    assert len(states) == curve_space.space.trials
    assert set(states) <= {"complete", "pruned", "failed"}


def test_page_goes_on_with_another_server_to_the_end(watched: Watched, window: Page) -> None:
    assert watched.last == "finished"
    assert window.value(f"{DONE}") == curve_space.space.trials
    assert window.value(LINES) == curve_space.space.trials


def test_trial_is_looked_into_by_a_click_and_laid_beside_another(watched: Watched, window: Page) -> None:
    click = "[...document.querySelectorAll('#trial-table button.link')].find((b) => b.textContent === '{}').click()"
    failed = next(
        row["trial_id"]
        for row in pq.read_table(watched.root / "trials.parquet").to_pylist()
        if row["state"] == "failed"
    )
    window.value(click.format(failed))
    window.wait("document.querySelector('#looked-into .error')?.textContent.includes('too large')")
    assert "a trial with learning_rate" in window.value("document.querySelector('#looked-into pre').textContent")
    best = window.value("document.getElementById('best-config').textContent.match(/trial (\\d+)/)[1]")
    window.value("document.getElementById('beside').click()")
    window.value(click.format(best))
    window.wait("document.querySelectorAll('#settings thead th').length === 3")
    assert window.value("document.querySelector('#settings .differs td').textContent") == "learning_rate"
    assert window.value("document.querySelectorAll('#trial-chart path').length") >= 1
    window.value("location.reload()")  # What is looked into is in the address.
    window.wait("document.querySelectorAll('#settings thead th')[2]?.textContent")


def test_table_sorts_and_filters(watched: Watched, window: Page) -> None:
    cells = "[...document.querySelectorAll('#trial-table tbody tr')].map((row) => row.cells[{}].textContent)"
    window.wait(LINES)
    window.value(
        "[...document.querySelectorAll('#trial-table th button')].find((b) => b.textContent === 'trial_id').click()"
    )
    ids = window.value(cells.format(0))
    assert ids == sorted(ids)
    window.value("[...document.querySelectorAll('#states button')].find((b) => b.textContent === 'failed').click()")
    assert set(window.value(cells.format(1))) == {"failed"}
    told = window.value("document.getElementById('shown').textContent")
    assert told.endswith(f"of {curve_space.space.trials} trials")


def test_answer_and_figures_are_shown_and_nothing_is_asked_elsewhere(watched: Watched, window: Page) -> None:
    window.value("document.getElementById('words').scrollIntoView()")
    window.wait("document.querySelector('#words h3')?.textContent === 'Best configuration'")
    window.value("document.getElementById('figure-curves').scrollIntoView()")
    window.wait("document.querySelector('#figure-curves img').naturalWidth > 300")
    assert {url.split("/")[2].split(":")[0] for url in watched.requests if url.startswith("http")} == {"127.0.0.1"}


@pytest.mark.parametrize("width", [360, 1200])
def test_page_is_no_wider_than_the_screen(watched: Watched, window: Page, width: int) -> None:
    window.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    assert window.value("document.documentElement.scrollWidth") <= width
