"""A shell is asked, as by the tab key, how the words of a command go on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [file for folder in ("search", "analysis") for file in (ROOT / folder).rglob("*.py")]
PRESS_TAB = """
eval "$(activate-global-python-argcomplete --dest=-)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete_global "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def on_tab(line: str, folder: Path) -> list[str]:
    """What bash offers after these words, by the shell code of argcomplete."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", PRESS_TAB, "bash", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("python -m search.run given.py --s", ["--sampler", "--stopping", "--seed", "--set", "--smoke"]),
        ("python -m search.run given.py --stopping m", ["median"]),
        ("python -m search.run giv", ["given.py"]),
        ("python -m search.use export results --format t", ["tflite"]),
        ("python -m analysis.compare --format ", ["text", "markdown", "csv", "latex", "html"]),
    ],
)
def test_shell_offers_options_and_their_values(line: str, offered: list[str], tmp_path: Path) -> None:
    pytest.importorskip("argcomplete", reason="argcomplete is not installed: pip install 'keras-search[completion]'")
    (tmp_path / "given.py").write_text("")
    assert on_tab(line, tmp_path) == offered


def test_every_command_may_be_asked() -> None:
    for file in COMMANDS:
        text = file.read_text()
        if re.search(r"\.parse_args\(", text) and "__main__" in text:
            assert "PYTHON_ARGCOMPLETE_OK" in text[:1024], file
            assert "answer_shell(" in text or file.name == "run.py", file


def test_without_the_library_a_shell_that_asks_begins_nothing(tmp_path: Path) -> None:
    code = "import sys; sys.modules['argcomplete'] = None; from search.run import main; main(['given.py'])"
    environment = os.environ | {"_ARGCOMPLETE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
