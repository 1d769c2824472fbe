"""The page of a search that runs: a process of its own, which reads the folder and ends with the search."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

PATIENCE_S = 10.0
"""How long the process may take to end: a page that is open asks once more how the search stands."""


class SearchPage:
    """Serves the folder `root` by `analysis.report --serve`; however that ends, it is nothing to the search."""

    def __init__(self, root: Path) -> None:
        self._root = root
        words = [sys.executable, "-m", "analysis.report", str(root), "--serve", "--until-parent-ends"]
        # In a session of its own it does not hear the Ctrl-C that closes the search, and sees how that ends.
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._is_told = False

    def news(self) -> str | None:
        """Return, once, the line that says where the page is, or that it could not be started; else None."""
        if self._is_told:
            return None
        line = self._output.readline()
        self._is_told = bool(line) or self._process.poll() is not None
        if line:
            return f"page:    {line.decode().strip()}"
        command = f"python -m analysis.report {shlex.quote(str(self._root))} --serve"
        return f"there is no page; what is wrong is said by: {command}" if self._is_told else None

    def close(self) -> None:
        """End the process, when a page that is open has asked how the search ended."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
