"""A search in Weights & Biases: a project with a run for each trial, on the server or offline, as its variables say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.experiment.states import TrialState
from search.experiment.trackers.tracker import Row, Tracker, by_epoch, measured, settings
from search.wording import error_text

FOLDER = "wandb"
"""What the library calls the folder of its own files, within the one that it is given."""
AT_BEST = "best."
_ENDED = "ended.txt"
_QUIET = {
    "console": "off",
    "silent": True,
    "disable_git": True,
    "disable_code": True,
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_save_requirements": False,  # The list of all packages, made anew for every run, takes 0.13 s of the driver.
}
"""Settings of a run: a trial is described by its rows, and not by the driver's process."""


def check_account(option: str) -> None:
    """Raise SearchError where runs would go to a server, and the library knows no key that it takes."""
    import wandb  # noqa: PLC0415  # is an extra

    mode = wandb.setup().settings.mode
    if mode == "disabled":
        raise SearchError(f"WANDB_MODE=disabled, and {option} wandb would log nothing; expected online or offline.")
    if mode in ("online", "run", "shared"):
        try:
            wrong = None if wandb.login(prompt=False) else "finds no key of an account"
        except wandb.errors.Error as error:
            wrong = f"cannot log in ({error_text(error)})"
        if wrong is not None:
            raise SearchError(
                f"{option} wandb {wrong}; expected one in WANDB_API_KEY or from `wandb login`. "
                "With WANDB_MODE=offline runs are kept in the experiment, for `wandb sync`."
            )


class WeightsAndBiases(Tracker):
    """Opens a run when its trial begins; `folder` gets the library's files, and a list of the trials that ended."""

    def __init__(self, manifest: Mapping[str, Any], folder: Path) -> None:
        import wandb  # noqa: PLC0415  # is an extra

        self._library: Any = wandb
        self._done = folder / FOLDER / _ENDED
        lines = self._done.read_text(encoding="utf-8").splitlines() if self._done.exists() else ()
        super().__init__(dict(line.split(" ", 1) for line in lines if " " in line))
        self._done.parent.mkdir(parents=True, exist_ok=True)
        self._folder, self._project = folder, manifest["name"]
        # Of another search under the same name, the first trial is another run.
        self._search = hashlib.sha256(str(manifest.get("created_at")).encode()).hexdigest()[:8]
        self._runs: dict[str, Any] = {}

    def _open(self, name: str, kind: str, configuration: Mapping[str, Any]) -> Any:
        return self._library.init(
            project=self._project,
            id=f"{self._search}-{name}",
            name=name,
            job_type=kind,
            config=dict(configuration),
            dir=str(self._folder),
            resume="allow",  # Steps that the server has it leaves out, also in `wandb sync`.
            reinit="create_new",
            settings=self._library.Settings(**_QUIET),
        )

    def begin(self, row: Row, again: bool) -> int:
        """Open the run of the trial, anew or again."""
        self._runs[row["trial_id"]] = self._open(row["trial_id"], "trial", settings(row))
        if again:
            self._runs[row["trial_id"]].summary.update({"error": None})
        return 0

    def epoch(self, row: Row) -> None:
        """Log what was measured in an epoch, as the step of that number."""
        self._runs[row["trial_id"]].log(by_epoch(row), step=int(row["epoch"]), commit=True)

    def end(self, row: Row) -> None:
        """Give the run the values that decide, and how the trial ended; the run of a pruned one has not failed."""
        told = {name: row[name] for name in ("error", "violates", "worker") if row.get(name)}
        told |= {AT_BEST + name: value for name, value in measured(row).items()}
        self._finish(row["trial_id"], row["state"], told)
        with self._done.open("a", encoding="utf-8") as file:
            file.write(f"{row['trial_id']} {row['state']}\n")

    def _finish(self, trial_id: str, state: str, told: Mapping[str, Any]) -> None:
        run = self._runs.pop(trial_id)
        run.summary.update({**told, "state": str(state)})
        run.tags = (str(state),)
        run.finish(exit_code=int(state == TrialState.FAILED))

    def close(self, best: str | None, model: Path | None) -> None:
        """Leave no run that seems to run; the search gets a run of its own, with its best trial and that's model."""
        for trial_id in list(self._runs):
            self._finish(trial_id, TrialState.INTERRUPTED, {})
        if best is not None:
            self._log_best(best, model)
        if self._library.run is None:  # No run of the user's own, in a notebook, which this would end too.
            self._library.teardown()  # A run that is finished is written soon, and the command ends at once.

    def _log_best(self, best: str, model: Path | None) -> None:
        run = self._open("search", "search", {})
        run.summary.update({"best_trial": best})
        if model is not None:
            artifact = self._library.Artifact(f"{self._project}-best", type="model", metadata={"trial_id": best})
            artifact.add_file(str(model))
            run.log_artifact(artifact)
        run.finish()
