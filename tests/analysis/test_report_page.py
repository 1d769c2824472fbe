"""The report in a real browser: sorting, filtering, phone, print, dark and light, and nothing from the network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.load import load
from analysis.report import page
from tests.support import chromium
from tests.support.analysis_world import searched, write, write_predictions
from tests.support.chromium import Page

PROGRAM = chromium.find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine; apt-get install chromium brings it"),
]
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = searched(40, repeats=2)
    rows[5]["error"] = HOSTILE
    root = write(tmp_path_factory.mktemp("report") / "search", rows, question=f"Which network? {HOSTILE}")
    write_predictions(root, "t00035")
    (root / "report.html").write_text(page(load(root)), encoding="utf-8")
    return root / "report.html"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert PROGRAM
    with Page(PROGRAM, tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture
def browser(report: Path, window: Page) -> Page:
    """The report, loaded anew on a screen with nothing set."""
    window.call("Emulation.setEmulatedMedia", media="", features=[])
    window.call("Emulation.clearDeviceMetricsOverride")
    window.open(report)
    return window


def column(browser: Page, table: str, name: str) -> list[str]:
    """The visible cells of a column."""
    script = f"""(() => {{
      const table = document.getElementById("{table}");
      const at = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === "{name}");
      return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[at].textContent);
    }})()"""
    cells: list[str] = browser.value(script)
    return cells


def click(browser: Page, table: str, name: str) -> None:
    browser.value(
        f"""[...document.querySelectorAll("#{table} th button")].find((b) => b.textContent === "{name}").click()"""
    )


def test_click_on_a_head_sorts_numbers_by_size_and_leaves_missing_ones_last(browser: Page) -> None:
    before = column(browser, "trials", "learning_rate")
    click(browser, "trials", "learning_rate")
    rising = [float(text) for text in column(browser, "trials", "learning_rate")]
    assert rising == sorted(rising)
    assert sorted(before) == sorted(column(browser, "trials", "learning_rate"))
    click(browser, "trials", "unfreeze_depth")
    click(browser, "trials", "unfreeze_depth")
    depths = column(browser, "trials", "unfreeze_depth")
    known = [int(text) for text in depths if text != "–"]
    assert known == sorted(known, reverse=True)
    assert depths[len(known) :] == ["–"] * (len(depths) - len(known))


def test_sorted_column_is_announced(browser: Page) -> None:
    click(browser, "trials", "state")
    assert browser.value("""document.querySelector('#trials [aria-sort="ascending"]').textContent""") == "state"
    assert column(browser, "trials", "state")[0] == "complete"


def test_filter_keeps_the_rows_with_all_words_and_counts_them(browser: Page) -> None:
    script = """(() => {
      const input = document.getElementById("filter-trials");
      input.value = "vgg16 pruned";
      input.dispatchEvent(new Event("input"));
      return input.nextElementSibling.textContent;
    })()"""
    told = browser.value(script)
    states = column(browser, "trials", "state")
    assert set(states) == {"pruned"}
    assert set(column(browser, "trials", "network")) == {"vgg16"}
    assert told.startswith(f"{len(states)} of ")


def test_text_from_results_is_shown_and_never_run(browser: Page) -> None:
    assert browser.value("document.title") == "search: results"
    assert HOSTILE in browser.value("document.querySelector('header').textContent")
    assert HOSTILE in column(browser, "trials", "error")


def test_page_asks_nothing_of_the_network(browser: Page) -> None:
    assert browser.requests
    assert all(url.startswith(("file://", "data:")) for url in browser.requests)


def test_every_figure_is_decoded(browser: Page) -> None:
    widths = browser.value("Promise.all([...document.images].map((i) => i.decode().then(() => i.naturalWidth)))")
    assert len(widths) >= 8
    assert min(widths) > 100


def test_a_phone_gets_figures_that_fit_it_and_commands_that_are_not_cut(browser: Page) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
    decoded = "Promise.all([...document.images].map((i) => i.decode().then(() => i.currentSrc.slice(0, 14))))"
    assert set(browser.value(decoded)) == {"data:image/png"}
    fits = "[...document.querySelectorAll('pre, figure')].every((one) => one.scrollWidth <= one.clientWidth)"
    assert browser.value(fits)


@pytest.mark.parametrize("width", [360, 1200])
def test_page_is_no_wider_than_the_screen(browser: Page, width: int) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_dark_and_light_follow_the_reader(browser: Page) -> None:
    seen = {}
    for scheme in ("dark", "light"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        style = "getComputedStyle(document.body)"
        seen[scheme] = [
            browser.value(f"{style}.{part}.match(/\\d+/g).map(Number)") for part in ("backgroundColor", "color")
        ]
    light = {scheme: [sum(colour) for colour in colours] for scheme, colours in seen.items()}
    assert light["dark"][1] - light["dark"][0] > 450  # White is 765, black 0.
    assert light["light"][0] - light["light"][1] > 450


def test_print_shows_whole_tables_and_no_controls(browser: Page) -> None:
    browser.call("Emulation.setEmulatedMedia", media="print")
    wide = "getComputedStyle(document.querySelector('#trials').parentElement)"
    assert browser.value(f"{wide}.maxHeight") == "none"
    assert browser.value("getComputedStyle(document.querySelector('.filter')).display") == "none"
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000
