"""A search in TensorBoard: a run for each trial, with its curves, its configuration (HParams) and how it ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.summary import hparams

from search.experiment.schema import CONFIG_PREFIX, headings
from search.experiment.states import TrialState
from search.experiment.trackers.tracker import Row, Tracker, by_epoch, measured, settings

FOLDER = "tensorboard"
SEARCH = "search"
"""The run that says which trial is the best."""
AT_BEST = "best/"
"""What stands before a metric's name in the value that decides, that of the best epoch."""
_END_TAG = "_hparams_/session_end_info"


class TensorBoard(Tracker):
    """Writes event files into a folder; a run that has no end in HParams has not ended yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files = folder.glob("*/events.*")
        super().__init__({file.parent.name: None for file in files if _END_TAG.encode() in file.read_bytes()})
        self._writers: dict[str, Any] = {}

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            # A second file of a run within one second would else have the name of the first, and replace it.
            folder, suffix = str(self._folder / name), f".{time.time_ns()}"
            # What a run has from an earlier time is written again, and holds no more.
            self._writers[name] = SummaryWriter(folder, purge_step=0, flush_secs=5, filename_suffix=suffix)
        return self._writers[name]

    def begin(self, row: Row, again: bool) -> int:
        """Do nothing for a new run, which is there with its first epoch, or its end; remove one that is run again.

        Of what a run says of itself in HParams, TensorBoard shows the first.
        """
        if again:
            for file in (self._folder / row["trial_id"]).glob("events.*"):
                file.unlink()
        return 0

    def epoch(self, row: Row) -> None:
        """Write a point of each curve."""
        for name, value in by_epoch(row).items():
            self._writer(row["trial_id"]).add_scalar(name, value, int(row["epoch"]))

    def end(self, row: Row) -> None:
        """Write the values that decide, the configuration, and how the trial ended; a pruned one has not failed."""
        writer = self._writer(row["trial_id"])
        values = {AT_BEST + name: value for name, value in measured(row).items()}
        for name, value in values.items():
            writer.add_scalar(name, value, int(row["epochs"] or 0))
        if row.get("error"):
            writer.add_text("error", str(row["error"]))
        named = {f"{CONFIG_PREFIX}{name}": value for name, value in settings(row).items()}
        shown = headings(["state", *named])  # A setting may be called `state` as well.
        configuration = {shown[name]: v if isinstance(v, (bool, int, float)) else str(v) for name, v in named.items()}
        experiment, begin, _ = hparams({**configuration, "state": str(row["state"])}, values)
        for summary in (experiment, begin, _session_end(row["state"])):
            writer.file_writer.add_summary(summary)
        writer.close()
        del self._writers[row["trial_id"]]

    def close(self, best: str | None, model: Path | None) -> None:
        """Say which trial is the best, and where its model lies, which TensorBoard cannot hold."""
        if best is not None:
            told = f"the best trial; its model: {model}" if model else "the best trial"
            self._writer(SEARCH).add_text("best", f"{best}: {told}")
        for writer in self._writers.values():
            writer.close()


def _session_end(state: str) -> Any:
    status = "STATUS_FAILURE" if state == TrialState.FAILED else "STATUS_SUCCESS"
    content = HParamsPluginData(session_end_info=SessionEndInfo(status=Status.Value(status)), version=0)
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=content.SerializeToString())
    return Summary(value=[Summary.Value(tag=_END_TAG, metadata=SummaryMetadata(plugin_data=plugin))])
