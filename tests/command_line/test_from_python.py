"""A search from Python: the options and the errors of the command line, for a space that is an object."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from search import Experiment, run_search
from search.errors import NothingSucceeded, SearchError
from search.from_python import space_file
from search.keywords import keyword_flags, keyword_words
from search.planning.options import Options, parse
from search.space import Choice, Float, Int, Space
from tests.support.search_world import SPACE

ROOT = Path(__file__).parents[2]
OWN = """
import time
from search import Experiment, run_search
from search.space import Choice, Float, Int, Space

STEPS = {steps}

def step(x, rate):
    return x - rate * 2 * x

def train(config, trial):
    x = 10.0
    for epoch in range(1, STEPS + 1):
        time.sleep({pause})
        x = step(x, config["rate"])
        yield {{"epoch": epoch, "loss": x * x}}

space = Space(
    train,
    {{"rate": Float(0.001, 0.5, log=True), "kind": Choice("a", None), "depth": Int(1, 5, when={{"kind": "a"}})}},
    metric="loss", trials=6, stopping="none",
)
"""


def start(tmp_path: Path, lines: str, steps: int = 3, pause: float = 0.0) -> subprocess.Popen[str]:
    """A program whose own space is searched."""
    file = tmp_path / "program.py"
    file.write_text(OWN.format(steps=steps, pause=pause) + textwrap.dedent(lines))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(file)], cwd=tmp_path, env=environment, **output)  # type: ignore[call-overload,no-any-return]  # a dict of mixed values


def said_by(process: subprocess.Popen[str]) -> str:
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


def test_options_in_python_are_those_of_the_command_line() -> None:
    assert (
        len(keyword_flags()) == len(Options.__dataclass_fields__) - 2
    )  # The space stands first, --list has no search.
    words = keyword_words(
        {"trials": 3, "set": {"units": (8, 4), "kind": "3"}, "time_budget": 90, "resume": True, "smoke": False}
    )
    expected = Options("s", trials=3, pins={"units": (8, 4), "kind": "3"}, time_budget_s=90.0, resume=True)
    assert parse(["s", *words]) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trails": 3}, "no option 'trails'. Did you mean trials"),
        ({"trials": 0}, "--trials: '0' is not a whole number above 0"),
        ({"set": ["a"]}, "expected a dict of settings"),
        ({"resume": True}, "give name="),
        ({"metric": "test_value"}, "would choose by the test set"),
        ({"name": "e", "resume": True}, "no experiment 'e'"),
    ],
)
def test_wrong_option_is_refused_in_a_line(
    options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SearchError, match=words):
        run_search(SPACE, **options)


def test_what_no_process_can_be_sent_is_refused() -> None:
    lock = threading.Lock()

    def train(config: object, trial: object) -> object:
        return lock

    with pytest.raises(SearchError, match="cannot be sent to the processes that train"):
        space_file(Space(train, {"a": Choice(1, 2)}))


def test_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(SearchError, match="a is empty; expected the folder of an experiment"):
        Experiment(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text("{}")
    with pytest.raises(SearchError, match=r"is a folder of 1 experiment; expected one of them: a\."):
        Experiment(tmp_path)
    with pytest.raises(SearchError, match=r"no experiment at .*b\. There are: a\."):
        Experiment(tmp_path / "b")


def test_space_travels_as_it_is() -> None:
    parameters = {"x": Float(0, 1, step=0.25), "kind": Choice("a", (1, 2), None), "n": Int(1, 9, when={"kind": "a"})}
    space = Space(SPACE.trainable, parameters, fixed={"epochs": 2}, cpus_per_trial=[({"kind": "a"}, 2), 1], trials=3)
    assert space_file(space).run() == space


def test_record_of_a_space_changes_with_its_code_and_with_nothing_else(tmp_path: Path) -> None:
    lines = "from search.from_python import space_file; print(space_file(space).sha256, len(space_file(space).text))"
    digests = [said_by(start(tmp_path, lines, steps)) for steps in (3, 3, 4)]
    assert digests[0] == digests[1] != digests[2]


def test_import_of_search_loads_nothing_that_takes_time() -> None:
    code = "import search, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"ray", "optuna", "pandas", "pyarrow", "rich", "numpy"} & set(loaded.split())


@pytest.mark.slow
def test_program_that_is_interrupted_keeps_its_trials_and_goes_on(tmp_path: Path) -> None:
    """The space is the program's own, functions and all; a worker knows no module of it."""
    lines = """
    try:
        run_search(space, name="own", max_concurrent=2, trials=4)
    except KeyboardInterrupt as interrupt:
        print("interrupted:", interrupt)
    before = Experiment("results/own", space).trials
    print("ended before:", (before.state == "complete").sum() < 4)
    experiment = Experiment("results/own", space).resume(quiet=True)
    print("state:", experiment.trials.state.value_counts().to_dict(), len(experiment.epochs))
    print("best:", experiment.best.value == experiment.trials.loss.min(), sorted(experiment.best.config))
    try:
        Experiment("results/own").resume()
    except Exception as error:
        print(type(error).__name__, error)
    """
    process = start(tmp_path, lines, steps=8, pause=0.4)
    assert process.stdout is not None
    for line in process.stdout:
        if "1/4 trials" in line or "2/4 trials" in line:
            break
    process.send_signal(signal.SIGINT)
    said = said_by(process)
    assert "interrupted: interrupted, and saved: Experiment('results/own', space).resume()" in said
    assert "ended before: True" in said
    assert "state: {'complete': 4} 32" in said
    assert "best: True " in said
    assert "SearchError results/own was searched from Python; open it with its object" in said


@pytest.mark.slow
def test_search_without_a_result_raises_with_the_reason(tmp_path: Path) -> None:
    def train(config: object, trial: object) -> object:
        raise RuntimeError("no such thing")

    space = Space(train, {"a": Choice(1, 2)}, metric="loss")
    with pytest.raises(NothingSucceeded, match=r"no trial succeeded; .* Its folder is"):
        run_search(space, results=tmp_path, quiet=True, max_concurrent=1)
