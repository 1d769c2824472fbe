"""Tune begins a search without the libraries of trackers that it has callbacks for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_search_imports_no_tracker_that_is_installed_and_leaves_it_to_be_imported(tmp_path: Path) -> None:
    for name in ("mlflow", "wandb"):
        (tmp_path / f"{name}.py").write_text("")
    lines = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})",
        "from search.cluster.execution import uncounted, usage",
        "from ray.tune import Callback",
        "with uncounted():",
        "    usage.tag_callbacks([Callback()])",  # Tune's own first step, which would import its callbacks.
        "assert not {'mlflow', 'wandb'} & sys.modules.keys()",
        "import mlflow",
        f"assert mlflow.__file__ == {str(tmp_path / 'mlflow.py')!r}",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
