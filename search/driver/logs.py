"""The log of a trial: the end of what it wrote, and its traceback."""

from __future__ import annotations

from search.experiment.folder import Experiment
from search.trial.messages import Ending


def write_log(experiment: Experiment, trial_id: str, ending: Ending) -> str | None:
    """Write `logs/TRIAL_ID.log`; its path within the experiment, None for a trial with nothing to tell."""
    text = "\n".join(part for part in (ending.output.rstrip(), ending.traceback.rstrip()) if part)
    if not text and ending.state != "failed":
        return None
    path = experiment.logs / f"{trial_id}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((text or ending.error or "") + "\n", encoding="utf-8")
    return path.relative_to(experiment.root).as_posix()
