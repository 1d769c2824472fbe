"""Writes and reads the manifest, which says with which command, code, data and machine an experiment was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.experiment.atomic import write_text

MANIFEST = "manifest.json"


def write_manifest(root: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json` in one step."""
    write_text(root / MANIFEST, json.dumps(manifest, indent=2, sort_keys=False, default=repr) + "\n")


def read_manifest(root: str | Path) -> dict[str, Any]:
    """Return what `manifest.json` holds; raises SearchError where it is absent or damaged."""
    path = Path(root) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SearchError(f"no experiment at {root}: it holds no {MANIFEST}.") from None
    except (OSError, ValueError) as error:
        raise SearchError(
            f"{path} cannot be read ({error}); restore it, or search again under another --name."
        ) from None
    if not isinstance(manifest, dict):
        raise SearchError(f"{path} is not a manifest; expected a JSON object.")
    return manifest
