"""The worker: a thin Ray actor that Tune keeps warm; the training itself is in its child process."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune

from search.tuning.messages import RunContext, TrialSpec
from search.tuning.orphans import die_with_parent
from search.tuning.process import TrialRunner

REST_S = 0.05
"""How long a worker without a trial rests before it asks whether there is one."""


class Worker(tune.Trainable):
    """One slot of the search. Every failure of a trial is a report, so that for Tune only a lost actor is an error."""

    def setup(self, config: dict[str, Any], context: RunContext) -> None:
        """Called once for an actor; the training process starts with the first trial."""
        die_with_parent()
        self._runner = TrialRunner(context, ray.util.get_node_ip_address())
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial. Nothing that can fail happens here: Tune would lose the trial."""
        self._spec: TrialSpec | None = new_config["spec"]
        self._resting = self._spec is None
        return True

    def step(self) -> dict[str, Any]:
        """Train until there is something to report."""
        if self._resting:
            time.sleep(REST_S)
            return {"report": None}
        if self._spec is not None:
            self._runner.begin(self._spec)
            self._spec = None
        report = self._runner.proceed()
        return {"report": report, "done": report.end is not None}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: trials save themselves into the experiment folder, where a resumed search finds it."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

    def cleanup(self) -> None:
        """The actor ends, and its training process with it."""
        self._runner.close()
