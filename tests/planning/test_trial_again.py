"""What is asked for where a stored trial is trained again, and no search is made."""

import json
import shutil
from pathlib import Path

import pytest

from search.console import Console
from search.errors import SearchError
from search.experiment.manifest import write_manifest
from search.from_python import Experiment
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.provenance import make_manifest
from search.use.refit import refit
from search.use.reproduce import plan_of
from search.use.stored_trial import StoredTrial

pytestmark = pytest.mark.usefixtures("elsewhere")
SPACE = """
from search.space import Float, Space
from trainables.branin import train
space = Space(train, {"x1": Float(-5, 10), "x2": Float(0, 15)}, metric="value", mode="min", trials=3)
"""


def stored(name: str) -> Experiment:
    """An experiment without a trial."""
    Path("given.py").write_text(SPACE)
    words = ("given.py", "--name", name)
    root = Path("results") / name
    write_manifest(root, make_manifest(make_plan(parse(words), words, warn=print)))
    return Experiment(root)


def trial_of(experiment: Experiment) -> StoredTrial:
    return StoredTrial(experiment, experiment.manifest, {"trial_id": "00000", "state": "complete"})


def test_trial_is_trained_again_without_what_only_its_search_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The earlier search that its sampler learned from, GPUs, an account of its tracker, and what else it needed."""
    earlier, given = stored("earlier"), stored("given")
    manifest = json.loads((given.path / "manifest.json").read_text())
    manifest["asked"]["warm_start"] = [str(earlier.path)]
    manifest["options"] |= {"log": ["wandb"], "gpus_per_trial": 9}
    write_manifest(given.path, manifest)
    shutil.rmtree(earlier.path)
    monkeypatch.setattr("search.planning.checks.check_ready", lambda names: pytest.fail(f"asked for {names}"))
    assert plan_of(trial_of(given), None, Console()).space.shapes()[0].gpus == 9
    assert capsys.readouterr().out == ""


def test_trainable_that_may_leave_the_validation_data_out_is_not_refitted(tmp_path: Path) -> None:
    given = stored("given")
    with pytest.raises(SearchError, match="does not declare that it can train on the validation data too"):
        refit([trial_of(given)], 1, None, Console())
    assert not (given.path / "refit").exists()


def test_model_of_data_that_only_trials_know_is_said_to_be_loaded_otherwise() -> None:
    with pytest.raises(SearchError, match=r"or a function gave it.*Load this model by trainables"):
        trial_of(stored("given")).class_names  # noqa: B018
