"""What a search says before it waits for anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ENDED_AT_RAY = """
import sys

class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == "ray":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
from search.run import main
raise SystemExit(main(sys.argv[1:]))
"""


def test_search_says_what_it_begins_before_it_imports_ray(tmp_path: Path) -> None:
    words = ["spaces/branin.py", "--trials", "3", "--results", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", ENDED_AT_RAY, *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout == "branin: 3 configurations, sampler mfgp; starting workers\n"
    assert (done.returncode, done.stderr) == (130, "interrupted.\n")
    assert not [*tmp_path.iterdir()], "Nothing was begun, and nothing is left."
