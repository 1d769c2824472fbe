"""The report's words and its command; the page in a browser is in test_report_page.py."""

import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.command import run
from analysis.compare import compare
from analysis.configurations import configurations
from analysis.export import export
from analysis.figures.__main__ import figures
from analysis.load import load
from analysis.report import page
from analysis.report.__main__ import report
from analysis.report.words import again, answer, mattered, noise
from search.errors import SearchError
from search.space import Choice, Space
from tests.support.analysis_world import SPACE, searched, trial, write
from trainables.branin import train


def test_answer_names_the_best_its_ties_and_what_mattered(tmp_path: Path) -> None:
    parts = dict(answer(load(write(tmp_path / "a", searched(80, repeats=2)))))
    assert parts["Best configuration"][0].startswith("Best: trial ")
    assert "mean of 3 runs" in parts["Best configuration"][0]
    assert "inside the noise of the best" in parts["Which others tie"][0]
    assert re.search(r"learning_rate explains (over )?\d\d % of the differences", parts["What mattered most"][0])
    assert "80 pruned" not in " ".join(parts["What it took"])


def test_noise_of_seeds_is_told_only_where_seeds_were_repeated(tmp_path: Path) -> None:
    once, again_ = load(write(tmp_path / "a", searched(20))), load(write(tmp_path / "b", searched(20, repeats=2)))
    assert "is not known; --repeats 3" in noise(once, configurations(once))[0]
    assert "6 degrees of freedom" in noise(again_, configurations(again_))[0]


def test_image_noise_is_the_binomial_margin_of_a_difference(tmp_path: Path) -> None:
    results = load(write(tmp_path / "a", [trial(0, 0.9, {"filters": 32})]))
    told = " ".join(noise(results, configurations(results)))
    assert "On 297 images, two values of val_accuracy near 0.9000 that differ by less than 0.048" in told


def test_what_mattered_is_not_guessed_from_a_handful_of_trials(tmp_path: Path) -> None:
    assert mattered(load(write(tmp_path / "a", searched(8))))[0].startswith("Not known: ")


def test_command_of_the_best_pins_its_settings_and_what_was_pinned_before(tmp_path: Path) -> None:
    rows = [trial(0, 0.9, {"filters": 64, "learning_rate": 0.00123, "network": "it's"})]
    results = load(write(tmp_path / "a", rows, asked={"set": {"epochs": "3"}}))
    commands = dict(again(results.sources[0], results))
    words = shlex.split(commands["Run its best configuration again"])
    pins = [word for flag, word in pairwise(words) if flag == "--set"]
    assert pins == ["epochs=3", "filters=64", "learning_rate=0.00123", "network=it's"]
    assert commands["Continue or extend this search"].endswith("spaces/a.py --name a --resume")
    assert commands["Search again, under another name"].endswith("spaces/a.py --name ANOTHER")


def test_command_of_the_best_gives_the_options_that_the_trial_had_and_the_same_data(tmp_path: Path) -> None:
    """A text that reads like a number is quoted; None is told from an inactive parameter, which has none."""
    space = Space(
        trainable=train,
        parameters={
            "bits": Choice("4", "8"),
            "mixed": Choice(3, "l2"),
            "limit": Choice(5, None),
            "depth": Choice(5, None, when={"bits": "4"}),
        },
    )
    rows = [trial(0, 0.9, {"bits": "8", "mixed": "3", "limit": None, "depth": None})]
    command = ["spaces/a.py", "--dataset", "shapes", "--seed=3", "--trials", "4", "--results", "kept", "--smoke"]
    results = load(write(tmp_path / "a", rows, space=space, command=command))
    words = shlex.split(dict(again(results.sources[0], results))["Run its best configuration again"])
    pins = [word for flag, word in pairwise(words) if flag == "--set"]
    assert pins == ["bits='8'", "mixed='3'", "limit=None"]
    chosen = ["--dataset", "shapes", "--seed=3", "--results", "kept", "--smoke", "--trials", "1", "--stopping", "none"]
    assert words[10:20] == chosen


def test_commands_of_a_search_that_python_was_given_are_calls(tmp_path: Path) -> None:
    rows = [trial(0, 0.9, {"filters": 64, "learning_rate": 0.5, "network": "vgg16"})]
    words = ["SPACE", "--dataset", "digits", "--trials", "4", "--name", "a"]
    results = load(write(tmp_path / "a", rows, command=words))
    commands = dict(again(results.sources[0], results))
    assert commands["Search again, under another name"] == (
        "run_search(space, dataset='digits', trials=4, name='ANOTHER')"
    )
    assert commands["Continue or extend this search"] == (
        "run_search(space, dataset='digits', trials=4, name='a', resume=True)"
    )


PICTURES = ("img", "source")


class Collector(HTMLParser):
    """The elements of a page, and the text outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_text_of_results_becomes_no_element(tmp_path: Path) -> None:
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    rows = [{**row, "config.network": hostile, "error": hostile} for row in searched(12)]
    root = write(tmp_path / "a", rows, question=hostile, versions={hostile: hostile}, asked={"set": {hostile: hostile}})
    tags = Collector(page(load(root), ["slice", "parallel"])).tags
    assert [tag for tag, _ in tags].count("script") == 1
    pictures = [attributes.get("src") or attributes.get("srcset") for tag, attributes in tags if tag in PICTURES]
    assert all((source or "").startswith("data:image/") for source in pictures)
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)


def test_page_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    tags = Collector(page(load(write(tmp_path / "a", searched(12))), ["curves"])).tags
    links = [attributes[name] or "" for _, attributes in tags for name in ("src", "href") if name in attributes]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)


def test_search_without_data_set_or_accuracy_has_a_report(tmp_path: Path) -> None:
    rows = [
        {"trial_id": f"t{n}", "number": n, "state": "complete", "config.x1": n / 3, "value": (n - 7) ** 2, "epochs": 1}
        for n in range(20)
    ]
    root = write(tmp_path / "a", rows, epochs=False, dataset=None)
    manifest = (root / "manifest.json").read_text()
    (root / "manifest.json").write_text(manifest.replace('"val_accuracy"', '"value"').replace('"max"', '"min"'))
    text = page(load(root))
    assert "Best: trial 7" in text
    assert "Figures without data" in text


def test_long_search_shows_its_first_rows_and_says_so(tmp_path: Path) -> None:
    rows = [trial(n, 0.9 - n / 1e4, {"filters": n}) for n in range(1100)]
    text = page(load(write(tmp_path / "a", rows, epochs=False)), [])
    assert "The first 1,000 of 1,100 rows" in text


def test_command_writes_into_the_experiment_or_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = write(tmp_path / "a", searched(9)), write(tmp_path / "b", searched(9, seed=1), SPACE)
    assert run(report, [str(one)]) == 0
    assert (one / "report.html").read_text().startswith("<!doctype html>")
    assert run(report, [str(one), str(two), "--output", str(tmp_path / "both.html")]) == 0
    assert "<h1>a, b</h1>" in (tmp_path / "both.html").read_text()
    assert capsys.readouterr().out.splitlines() == [str(one / "report.html"), str(tmp_path / "both.html")]


def test_report_of_an_unfinished_search_says_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "a", [])
    assert run(report, [str(root)]) == 2
    assert capsys.readouterr().err == "a has no finished trial yet (no trials); wait for one, or see its logs.\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--port", "8000"], "give --serve with them"), (["--serve", "--output", "x.html"], "leave out --output")],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, words: list[str], told: str) -> None:
    with pytest.raises(SearchError, match=told):
        report([str(tmp_path), *words])


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        (report, ["a", "--serve", "--port", "99999"], "'99999' is no port"),
        (compare, ["--format", "nope"], "invalid choice: 'nope'"),
        (figures, [], "are required: RESULTS"),
        (export, ["a", "--to", "nope"], "invalid choice: 'nope'"),
    ],
)
def test_words_that_a_command_cannot_read_are_refused_in_one_line(
    command: Callable[[list[str] | None], None], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]
