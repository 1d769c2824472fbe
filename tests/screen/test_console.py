"""What reaches the user of a quiet search, and of one that is not."""

import io
import os
import subprocess
import sys

import pytest
import rich.console
from rich.table import Table

from search.console import Console


@pytest.mark.parametrize(
    ("quiet", "shown"), [(False, ["a result", "a remark", "a warning"]), (True, ["a result", "a warning"])]
)
def test_quiet_leaves_out_remarks_and_never_warnings_or_errors(
    quiet: bool, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.StringIO()
    console = Console(quiet, rich.console.Console(file=file))
    console.result("a result")
    console.note("a remark")
    console.warning("a warning")
    console.error("an error\nof two lines")
    assert file.getvalue().splitlines() == shown
    assert capsys.readouterr().err == "an error of two lines\n"


def test_markup_in_a_line_is_printed_as_it_is() -> None:
    file = io.StringIO()
    Console(screen=rich.console.Console(file=file, width=10)).result("[bold]a long line[/bold] of [red]")
    assert file.getvalue() == "[bold]a long line[/bold] of [red]\n"


def test_brackets_and_colons_of_names_are_printed_as_they_are_in_tables_too(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("lr [log]")
    table.add_row("[/relu] :key:")
    Console().result(table)
    said = capsys.readouterr().out
    assert "lr [log]" in said
    assert "[/relu] :key:" in said


def test_a_reader_that_has_gone_ends_nothing() -> None:
    """The next command of a pipe, such as `head`, or a terminal."""
    code = (
        "from search.console import Console\nimport os\nconsole = Console()\n"
        "for line in range(3000):\n    console.note('a line of the search'); console.error('an error of it')\n"
        "os._exit(7)"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=writer, check=False)
    os.close(writer)
    assert done.returncode == 7
