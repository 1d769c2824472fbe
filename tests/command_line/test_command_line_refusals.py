"""What a user can mend is refused before anything is trained: exit code 2, one line, nothing left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.run import USER_ERROR, main

SPACES = Path(__file__).parents[2] / "spaces"
DIGITS, BRANIN = str(SPACES / "digits_filters.py"), str(SPACES / "branin.py")

pytestmark = pytest.mark.usefixtures("elsewhere")

IMPORTS = "from search.space import Choice, Float, Int, Space\nfrom trainables.image_classifier import train\n"


def space(parameters: str = '"dropout": Float(0, 0.5)', rest: str = "", dataset: str = "digits") -> str:
    """A space file whose third line is the space."""
    return f'{IMPORTS}space = Space(train, {{{parameters}}}, "{dataset}", trials=3, {rest})\n'


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(words)
    out, error = capsys.readouterr()
    assert (code, out, error.count("\n")) == (USER_ERROR, "", 1), out + error
    return error


FILES = {
    "x = 1\n": "has no `space`; expected `space = Space(...)`",
    f"{IMPORTS}spcae = Space(train, {{}}, trials=3)\n": "`spcae` is one: rename it",
    "space = 3\n": "is 3; expected a search.space.Space",
    "x = 1\ny = (\n": "given.py, line 2 is not Python: '(' was never closed",
    "x = 1\nx / 0\n": "given.py, line 2: ZeroDivisionError: division by zero",
    "\n\nimport not_there\n": "given.py, line 3: ModuleNotFoundError: No module named 'not_there'",
    "from search.space import Flaot\n": "line 1: ImportError: cannot import name 'Flaot'",
    "import sys\nsys.exit('enough')\n": "line 2: SystemExit: enough",
    "import broken_neighbour\n": "line 1: NameError: name 'undefined' is not defined (in ",
    space('"dropout": Float(0.6, 0.1)'): "line 3: Float(0.6, 0.1) has low=0.6 and high=0.1; expected low < high",
    space('"learning_rate": Float(0, 0.1, log=True)'): "log=True and low=0; a logarithm needs low > 0",
    space('"dropout": Float(0, 0.5, when={"networkk": 1}), "network": Choice("two_conv")'): "Did you mean network?",
    space('"dropout": Float(0, 0.5, when={"epochs": 2})', 'fixed={"epochs": 1}'): "can never hold",
    space('"dropout": [0.1, 0.2]'): "expected Float, Int or Choice",
    space(rest='metric="val_acuracy"'): "yields no metric 'val_acuracy'. Did you mean val_accuracy",
    space(rest='metric="test_accuracy"'): "would choose by the test set",
    space(rest='sampler="tpee"'): "sampler='tpee'; expected one of",
    space(rest="gpus_per_trial=-1"): "gpus_per_trial=-1; expected",
    space('"dropout": Float(0, 0.5), "dropout": Float(0, 0.1)'): "line 3: 'dropout' is named a second time in one dict",
    space(rest='fixed={"epochs": 1, "epochs": 2}'): "line 3: 'epochs' is named a second time in one dict",
    space(rest='fixed={"epochs": Int(1, 3)}'): "`fixed` has 'epochs' as a range, 1 to 3; move it to `parameters`",
    space(rest='fixed=["epochs"]'): "fixed=['epochs']; expected a dict",
    space('"epochs": Int(1, 2**70)'): "goes beyond 2**53; expected numbers that are exact",
    space(rest='fixed={"epohcs": 1}'): "unknown setting 'epohcs'. Did you mean epochs?",
    space(rest='fixed={"sample_size": 100_000}'): "sample_size is 100,000 and 'digits' has 1,079",
    space(rest='fixed={"network": "four_conv", "image_size": 4}'): "needs images of at least",
    space('"sample_size": Int(100, 5000)'): "sample_size is 5,000 and 'digits' has 1,079",
    space('"dropuot": Float(0, 1)'): "unknown setting 'dropuot'. Did you mean dropout",
    space(dataset="digitss"): "unknown data set 'digitss'. Did you mean digits?",
    space(dataset="./nowhere"): "no data set at ./nowhere",
    space().replace("(train,", "(3,"): "trainable=3; expected a function",
    space().replace(" trials=3,", ""): "trials is not given, and the space has no finite grid",
    "from search.space import Space\nfrom trainables.branin import train\n"
    'space = Space(train, {}, "mnist", metric="value")\n': "takes no data set, and 'mnist' is given",
    "def train(config, trial):\n    yield {'loss': 1.0}\ntrain.declaration = {'metrics': ['loss']}\n"
    "from search.space import Space\nspace = Space(train, {}, metric='loss', trials=1)\n": "expected a trainables.tri",
}


@pytest.mark.parametrize(("text", "expected"), FILES.items(), ids=list(FILES.values()))
def test_space_file_that_cannot_work_is_refused(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("given.py").write_text(text)
    Path("broken_neighbour.py").write_text("undefined\n")
    assert expected in refusal(capsys, "given.py")
    assert not Path("results").exists()


COMMANDS = {
    ("nowhere.py",): "no space file at nowhere.py. There is no space file in that folder",
    (str(SPACES / "brannin.py"),): f"Did you mean {SPACES}/branin.py?",
    (str(SPACES / "branin"),): f"Did you mean {SPACES}/branin.py?",
    (str(SPACES),): f"{SPACES} is a folder; expected a space file. Expected one of: {SPACES}/animals_",
    (): "no space file is given",
    ("",): "no space file is given",
    (BRANIN, "more.py"): "unrecognized arguments: more.py",
    (BRANIN, "--frobnicate"): "unrecognized arguments: --frobnicate",
    (BRANIN, "--trials", "0"): "--trials: '0' is not a whole number above 0",
    (BRANIN, "--trials", "many"): "--trials: 'many' is not a whole number above 0",
    (BRANIN, "--trials", "²"): "--trials: '²' is not a whole number above 0",
    (BRANIN, "--trials"): "--trials: expected one argument",
    (BRANIN, "--seed", "x"): "--seed: 'x' is not a whole number from 0",
    (BRANIN, "--seed", "-1"): "--seed: '-1' is not a whole number from 0",
    (BRANIN, "--repeats", "0"): "--repeats: '0' is not a whole number above 0",
    (BRANIN, "--max-concurrent", "0"): "--max-concurrent: '0' is not a whole number above 0",
    (BRANIN, "--time-budget", "soon"): "--time-budget: 'soon' is not a time; expected one like 90s, 30m or 2h",
    (BRANIN, "--time-budget", "5"): "--time-budget: '5' has no unit; expected seconds like 5s, minutes 5m or hours 5h",
    (BRANIN, "--time-budget", "0m"): "--time-budget: '0m' is not a time",
    (BRANIN, "--trial-timeout", "-3s"): "--trial-timeout: expected one argument",
    (BRANIN, "--name", "../x"): "--name: '../x' is not a name",
    (BRANIN, "--name", ""): "--name: '' is not a name",
    (
        BRANIN,
        "--name",
        300 * "n",
        "--dry-run",
    ): "--name: a name of 300 letters is more than a folder can have; expected 200",
    (BRANIN, "--results", ""): "--results: '' is not a folder",
    (BRANIN, "--sampler", "tpee"): "--sampler: invalid choice: 'tpee'",
    (BRANIN, "--stopping", "soon"): "--stopping: invalid choice: 'soon'",
    (BRANIN, "--set", "novalue"): "--set: 'novalue' is not a setting; expected KEY=VALUE",
    (BRANIN, "--set", "=3"): "--set: '=3' is not a setting",
    (BRANIN, "--set", "x1=1e999"): "--set: 'x1=1e999' is inf, which no command line can hold",
    (BRANIN, "--set", "x3=3"): "unknown setting 'x3'. Expected one of: epochs, sleep_s, x1, x2.",
    (BRANIN, "--set", "x1=3", "x2=no"): "setting 'x2' may be 'no'; expected a number from 0 to 15",
    (BRANIN, "--set", "metric=loss"): "--set metric=... cannot change the metric; edit the space file",
    (BRANIN, "--set", "dataset=mnist"): "edit the space file, or use --dataset",
    (BRANIN, "--dataset", "mnist"): "takes no data set, and 'mnist' is given",
    (BRANIN, "--sampler", "grid"): "parameter 'x1' is a Float without a step, and has no grid",
    (BRANIN, "--retry-failed"): "give --resume with it",
    (BRANIN, "--resume"): "no experiment 'branin' in results to resume",
    (BRANIN, "--data-dir", "/nowhere"): "--data-dir names /nowhere, which is not a folder",
    (BRANIN, "--cpus-per-trial", "0"): "cpus_per_trial=0.0; expected a number of at least 0.01",
    (BRANIN, "--cpus-per-trial", "nan"): "--cpus-per-trial: 'nan' is not a number of at least 0",
    (BRANIN, "--cpus-per-trial", "4000"): "a trial asks for 4000 CPUs and 0 GPUs, and no node has them",
    (BRANIN, "--gpus-per-trial", "4000"): "a trial asks for 1 CPUs and 4000 GPUs, and no node has them",
    (BRANIN, "--gpus-per-trial", "1.5"): "expected a whole number, or a share of one GPU",
    (BRANIN, "--address", "somewhere"): "--address: 'somewhere' is not an address; expected local, auto or HOST:PORT",
    (BRANIN, "--set", "x=1", "--set", "x=2"): "--set gives x both 1 and 2; expected one of them",
    (BRANIN, "--constraint", "a<=3", "--constraint", "a>=1"): "--constraint gives a both <=3 and >=1",
    (BRANIN, "--address", "127.0.0.1:1"): "no Ray cluster answers at 127.0.0.1:1 (connection refused)",
    (BRANIN, "--address", "no.such.host.invalid:6379"): "no Ray cluster answers at no.such.host.invalid:6379",
    (BRANIN, "--address", "127.0.0.1:99999"): "that is not HOST:PORT",
    (DIGITS, "--dataset", "mnits"): "unknown data set 'mnits'. Did you mean mnist?",
    (
        DIGITS,
        "--set",
        "sample_size=1e6",
    ): "setting 'sample_size' may be 1000000.0; expected a number of training images",
    (DIGITS, "--set", "sample_size=5000"): "sample_size is 5,000 and 'digits' has 1,079 training images",
}


@pytest.mark.parametrize(
    ("words", "expected"), COMMANDS.items(), ids=[" ".join(words[1:]) or "-" for words in COMMANDS]
)
def test_command_that_cannot_work_is_refused(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in refusal(capsys, *words)
    assert not Path("results").exists()


@pytest.mark.parametrize("named", ["file", "file/below", "/proc/nowhere"])
def test_results_that_can_be_no_folder_are_refused(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert f"{named}/branin cannot be written" in refusal(capsys, BRANIN, "--results", named)


def test_list_of_a_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert "file is not a folder; expected the folder of experiments" in refusal(capsys, "--list", "--results", "file")


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that this process may not look into, also when it is root's."""
    folder = Path("locked")
    folder.mkdir()
    folder.chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)


@pytest.mark.parametrize("words", [(BRANIN,), (BRANIN, "--resume"), ("--list",)], ids=["new", "resume", "list"])
def test_results_folder_without_permission_is_refused(
    words: tuple[str, ...], locked_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "permission denied" in refusal(capsys, *words, "--results", str(locked_folder)).lower()


def test_unreadable_data_directory_of_the_environment_names_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_DATA_DIR", "/nowhere")
    assert "SEARCH_DATA_DIR names /nowhere, which is not a folder" in refusal(capsys, DIGITS)


def test_address_auto_without_a_cluster_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    error = refusal(capsys, BRANIN, "--address", "auto")
    assert "--address auto finds no Ray cluster at 127.0.0.1:1 (connection refused)" in error


def test_refused_command_ends_with_two_and_one_line_and_without_a_training_framework(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(space(rest='metric="val_acuracy"'))
    code = (
        "import sys; from search.run import main; code = main(sys.argv[1:]); "
        "print({'tensorflow', 'keras', 'ray', 'optuna'} & sys.modules.keys()); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "given.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (USER_ERROR, "set()\n", 1)


def test_python_without_docstrings_is_refused_where_ray_needs_them_and_shows_help_elsewhere() -> None:
    environment = {**os.environ, "PYTHONPATH": str(SPACES.parent)}
    ended = [
        subprocess.run(
            [sys.executable, "-OO", "-m", *words], env=environment, capture_output=True, text=True, check=False
        )
        for words in (["search.run", BRANIN, "--dry-run"], ["analysis.compare", "--help"])
    ]
    assert [one.returncode for one in ended] == [USER_ERROR, 0], ended[1].stderr
    assert ended[0].stderr.startswith("Python runs without docstrings (-OO")
    assert ended[0].stderr.count("\n") == 1
