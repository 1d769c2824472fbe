"""A model card: on what data a model was trained, how, how well it does with what certainty, and how to make it again.

After Mitchell et al., Model Cards for Model Reporting (2019), as far as an experiment's folder knows; what it cannot
know, such as what a model is meant for, is left to be written.
"""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from search.console import Console
from search.errors import SearchError
from search.experiment.again import GIVEN, runnable, under_another_name
from search.experiment.atomic import write_text
from search.experiment.states import TrialState
from search.use.stored_trial import StoredTrial, runs_of
from search.wording import counted, show_value

_IMPORTS = (
    "from search import Experiment, run_search",
    "from search.console import Console",
    "from search.use.reproduce import reproduce",
    "from search.use.stored_trial import stored_trial",
    "",
)
"""What the calls of a card need, where the space was an object of Python."""
Z = 1.959964
"""Standard deviations of a normal distribution that hold 95 %."""


def card(trial: StoredTrial, output: Path | None, console: Console) -> int:
    """Write the card as markdown; the exit code. By default to `card.md` in the experiment's folder."""
    if trial.row["state"] != TrialState.COMPLETE:
        raise SearchError(f"trial {trial.trial_id} is {trial.row['state']}; expected a complete one, which was tested.")
    path = output or trial.experiment.path / "card.md"
    write_text(path, as_markdown(trial))
    console.result(f"{path}: the card of trial {trial.trial_id}")
    return 0


def as_markdown(trial: StoredTrial) -> str:
    """The card as text."""
    parts = [
        ["# " + (trial.manifest.get("question") or f"The best model of {trial.experiment.name}"), "", _said(trial)],
        ["## Meant for", "", "To be written by whoever publishes the model: its use, its limits, whom it may harm."],
        ["## Data", "", *_data(trial)],
        ["## Configuration", "", *_configuration(trial)],
        ["## Metrics", "", *_metrics(trial)],
        ["## Made with", "", *_made_with(trial)],
        ["## Make it again", "", *_again(trial)],
    ]
    return "\n".join("\n".join([*part, ""]) for part in parts)


def _said(trial: StoredTrial) -> str:
    space, runs = trial.manifest["space"], trial.experiment.trials
    tried = int(runs["number"].nunique())
    told, searched = f"Trial {trial.trial_id} of `{trial.experiment.name}`", counted(tried, "configuration")
    if not _is_best(trial):
        return f"{told}, one of {searched}, and not the best by {space['metric']}. Test images chose nothing."
    return f"{told}, chosen by {space['metric']} among {searched}. Test images chose nothing."


def _is_best(trial: StoredTrial) -> bool:
    """Whether it is the trial that the search has chosen, or a run of its configuration with another seed."""
    if trial.row.get("violates"):
        return False
    return trial.experiment.best.trial_id in (trial.trial_id, trial.row.get("repeat_of"))


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [" | ".join(map(_cell, row)).join(("| ", " |")) for row in (headings, ["---"] * len(headings), *rows)]


def _cell(value: object) -> str:
    """Return a value as one cell of a table, which an upright stroke or a line's end would divide."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def _data(trial: StoredTrial) -> list[str]:
    data = trial.manifest["dataset"]
    if data is None:
        return ["The trainable reads its data by itself; nothing is recorded of them."]
    shape = "x".join(map(str, data["image_shape"])) if data.get("image_shape") else "several sizes"
    instead = f", in place of {data['asked']}, which was asked for" if data.get("asked") else ""
    rows = [
        ("name", f"{data['name']}{instead}"),
        ("found at", data["source"]),
        ("fingerprint of the content", f"`{data['fingerprint']}`"),
        ("images", shape),
        ("training, validation, test", f"{data['num_train']:,}, {data['num_validation']:,}, {data['num_test']:,}"),
        ("used for training", f"{int(trial.row.get('sample_size') or data['num_train']):,}"),
        ("classes", ", ".join(data["class_names"]) or data["num_classes"]),
    ]
    notes = [f"- {note}" for note in data.get("notes", ())]
    return [*_table(("", ""), rows), *([""] if notes else []), *notes]


def _configuration(trial: StoredTrial) -> list[str]:
    fixed = trial.manifest["space"]["fixed"]
    rows = [(name, show_value(value), "searched") for name, value in trial.config.items()]
    rows += [(name, show_value(value), "fixed") for name, value in fixed.items() if name not in trial.config]
    return [*_table(("setting", "value", ""), rows), *_schedule(trial)]


def _schedule(trial: StoredTrial) -> list[str]:
    """Return the settings of earlier epochs, where the trial goes on with the training of others."""
    line, begins = trial.line, [0, *[int(one.row["parent_epoch"]) for one in trial.line[1:]]]
    if len(line) == 1:
        return []
    names = [n for n in trial.config if len({repr(one.config.get(n)) for one in line}) > 1]
    rows = [
        (f"{begin + 1} to {end}", one.trial_id, *(show_value(one.config.get(name)) for name in names))
        for one, begin, end in zip(line, begins, [*begins[1:], trial.last_epoch], strict=True)
    ]
    return ["", "Settings changed while it trained:", "", *_table(("epochs", "trial", *names), rows)]


def _metrics(trial: StoredTrial) -> list[str]:
    runs = runs_of(trial)
    names = [name for name in _measured(trial.row) if name.startswith(("val_", "test_")) or name == "baseline_accuracy"]
    counts = {"val_accuracy": _used(trial, "num_validation"), "test_accuracy": _used(trial, "num_test")}
    rows = [(name, show_value(trial.row[name]), interval(trial.row[name], counts.get(name))) for name in names]
    lines = _table(("metric", "this model", "95 % for other images like these"), rows)
    if len(runs) > 1:
        means = [(name, *_mean([run[name] for run in runs if run.get(name) is not None])) for name in names]
        lines += ["", f"Over {len(runs)} runs of this configuration with different seeds:", ""]
        lines += _table(("metric", "mean", "standard deviation"), means)
    metric = trial.manifest["space"]["metric"]
    chose = f"{metric} chose this configuration, and is a little too good for it; the test was seen once."
    return [*lines, "", chose if _is_best(trial) else "The test was seen once, and chose nothing."]


def _used(trial: StoredTrial, split: str) -> int | None:
    """How many images of a split an accuracy was measured on: all of them, or `evaluation_size`; None if not known."""
    count, most = (trial.manifest["dataset"] or {}).get(split), trial.settings.get("evaluation_size")
    return min(count, most) if isinstance(most, int) and count else count


def _measured(row: Mapping[str, Any]) -> list[str]:
    return [name for name, value in row.items() if isinstance(value, float) and not name.startswith("config.")]


def _mean(values: Sequence[float]) -> tuple[str, str]:
    return show_value(fmean(values)), f"{stdev(values):.2g}" if len(values) > 1 else ""


def interval(share: float, count: int | None) -> str:
    """Wilson's interval (1927) of a share of so many images; empty without a number."""
    if not count:
        return ""
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return f"{middle - half:.4f} to {middle + half:.4f}, of {count:,}"


def _made_with(trial: StoredTrial) -> list[str]:
    manifest, row = trial.manifest, trial.row
    hardware, git = manifest["hardware"], manifest.get("git")
    commit = f"{git['commit']}{', with changes' if git['dirty'] else ''}" if git else "outside of a checkout"
    rows = [
        *manifest["versions"].items(),
        ("commit of the space file", commit),
        ("sha256 of the space file", f"`{manifest['space']['sha256']}`"),
        ("machine of the driver", f"{hardware['processor']}, {hardware['cpus']} cores, {hardware['gpus']} GPUs"),
        ("trained at", f"{row['finished_at']:%Y-%m-%d %H:%M} UTC, {float(row['train_seconds']):.1f} s"),
        ("parameters", f"{int(row['num_parameters']):,}" if row.get("num_parameters") else "not told"),
        ("epochs", f"{row['epochs']}, of which number {row['best_epoch']} is the model"),
    ]
    return _table(("", ""), rows)


def _again(trial: StoredTrial) -> list[str]:
    root, words = trial.experiment.path, trial.manifest["command"]
    again, given = runnable(under_another_name(words)), words[0] == GIVEN
    reproduced = f"python -m search.use reproduce {shlex.quote(str(root))} --trial {trial.trial_id}"
    if given:
        stored = f"stored_trial(Experiment({str(root)!r}, space), {trial.trial_id!r})"
        reproduced = f"reproduce({stored}, None, Console())"
    lines = ["```python" if given else "```", *(_IMPORTS if given else ()), again, reproduced, "```", ""]
    lines += ["`space` is the object that was searched; this folder has no file of it.", ""] if given else []
    lines += [
        f"The first searches again; the second trains this trial again (seed {trial.row['seed']}),",
        "and says whether every metric is the same; on one core of the same processor it is, to the bit.",
    ]
    try:
        digest = hashlib.sha256(trial.model.read_bytes()).hexdigest()
    except SearchError:
        return [*lines, "", "The model itself was not kept."]
    return [*lines, "", f"The model is `{trial.model.relative_to(root)}`, sha256 `{digest}`."]
