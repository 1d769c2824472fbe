"""Space files that import TensorFlow, or whose models must be built: read in a process apart, to the same effect."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from search.driver.search import open_search
from search.errors import SearchError
from search.experiment.folder import Experiment
from search.experiment.states import TrialState
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.sampling import Finished, Sampling
from search.space import Choice, Float, Int
from search.space.building.space_process import BuildApart
from search.space.loading import read_space, space_of
from search.trial.messages import Report, TrialEnd, TrialSpec, WorkerId

FILE = """
import keras
import keras_tuner
from search.space import Choice, Space
from trainables.hypermodel import build_with
from trainables.image_classifier import train_with

print("chatter")

def build_model(hp):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(hp.Int("units", 8, 24, step=8)))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)))
    model.add(keras.layers.Dense(10, "softmax"))
    return model

class WithFit(keras_tuner.HyperModel):
    def build(self, hp):
        return build_model(hp)
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32]), shuffle=hp.Boolean("shuffle"), **kwargs)

def behind_a_float(hp):
    if hp.Float("x", 0.0, 1.0) > 0.5:
        hp.Choice("width", [1, 2])
    else:
        hp.Choice("width", [2, 3])
    return build_model(hp)

def divides_the_data(hp):
    hp.Int("sample_size", 50, 100)

def trains_long(hp):
    hp.Int("epochs", 2, 4)
    hp.Int("units", 2, 4)

def drawn(trial):
    if trial.number == 1:
        return {"n": trial.suggest_integer("n", 1, 3)}
    return {"rate": trial.suggest_float("rate", 0.1, 0.5), "twice": 2 * trial.suggest_int("n", 1, 3)}

space = Space(train_with(build_with(build_model)), {"units": Choice(8, 16)}, dataset="digits")
function = Space(train_with(build_with(build_model)), drawn, dataset="digits", trials=3)
"""

pytestmark = pytest.mark.slow  # Each test starts a process that imports TensorFlow.


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("apart") / "given.py"
    path.write_text(FILE)
    return str(path)


def test_build_function_needs_no_space_and_what_its_fit_asks_for_is_found(file: str) -> None:
    source = read_space(f"{file}:WithFit")
    space = space_of(source)
    assert source.stem == "given-WithFit"
    assert dict(space.parameters) == {
        "units": Int(8, 24, step=8),
        "dropout": Choice(False, True),
        "batch_size": Choice(16, 32),
        "shuffle": Choice(False, True),
        "rate": Float(0.1, 0.5, when={"dropout": True}),
    }


def test_hyperparameters_that_are_settings_of_the_search_too_are_refused_or_told_before_it(file: str) -> None:
    with pytest.raises(SearchError, match=r"'sample_size', which is a setting of the search too, and would change"):
        space_of(read_space(f"{file}:divides_the_data"))
    notes: list[str] = []
    assert space_of(read_space(f"{file}:trains_long"), notes.append).parameters.keys() == {"epochs", "units"}
    assert notes == [
        "NOTE: the HyperModel's hyperparameter 'epochs' is a setting of the search too: each trial is trained by it. "
        "Give it another name in the model if that is not meant."
    ]


def test_hypermodel_that_no_table_can_show_is_proposed_and_resumed_by_builds(file: str, tmp_path: Path) -> None:
    notes: list[str] = []
    space = space_of(read_space(f"{file}:behind_a_float"), notes.append)
    assert "'width' has several ranges" in notes[0]
    assert isinstance(space.parameters, BuildApart)
    sampling = Sampling(space, tmp_path / "journal", sampler="tpe", seed=0)
    configs = {}
    for number in range(12):
        proposal = sampling.ask()
        assert proposal
        configs[proposal.trial_id] = proposal.config
        sampling.tell(proposal.trial_id, "complete", float(number))
        x, width = proposal.config["x"], proposal.config["width"]
        assert isinstance(x, float)
        assert width in ([1, 2] if x > 0.5 else [2, 3])
        assert ("rate" in proposal.config) == proposal.config["dropout"]
    again = Sampling(space, tmp_path / "journal", sampler="tpe", seed=0)
    again.resume({trial_id: Finished("complete", 1.0, config) for trial_id, config in configs.items()})
    assert again.configurations() == configs
    space.parameters.process.close()


DRIVER = """
import sys
from search.errors import SearchError
from search.sampling import Sampling
from search.space.loading import read_space, space_of
from search.space.building.space_process import FunctionApart

space = space_of(read_space(sys.argv[1]))
print(dict(space.parameters), space.trainable.declaration.smoke['epochs'] == 1)
space = space_of(read_space(f"{sys.argv[1]}:function"))
assert isinstance(space.parameters, FunctionApart)
sampling = Sampling(space, None, sampler="random", seed=0)
assert sampling.ask().config.keys() == {"rate", "n", "twice"}
try:
    sampling.ask()
except SearchError as error:
    print(error)
space.parameters.process.close()
assert not {'keras', 'tensorflow', 'keras_tuner'} & set(sys.modules)
"""
"""In a process of its own: where Keras is loaded already, as in that of other tests, a file is read without another."""


def test_driver_reads_such_a_file_and_draws_from_its_function_without_tensorflow_and_its_chatter(file: str) -> None:
    done = subprocess.run([sys.executable, "-c", DRIVER, file], capture_output=True, text=True, check=True)
    declared, error = done.stdout.splitlines()
    assert declared.endswith("True")
    assert "options=(8, 16)" in declared
    assert re.search(r"given.py, line \d+: AttributeError: .*'suggest_integer'", error)
    assert done.stderr == ""


GROWING = """
from pathlib import Path
import keras_tuner

class Growing(keras_tuner.HyperModel):
    def build(self, hp):
        hp.Float("known", 0.0, 1.0)
        if hp.Boolean("deep") and Path(__file__).with_suffix(".grown").exists():
            hp.Choice("shown_late", ["a", "b"])
            hp.Float("rate", 0.1, 0.3, step=0.1)
"""


def test_hyperparameter_that_shows_while_the_search_runs_is_searched_and_resumed(tmp_path: Path) -> None:
    path = tmp_path / "given.py"
    path.write_text(GROWING)
    words = (f"{path}:Growing", "--dataset", "digits", "--sampler", "random", "--results", str(tmp_path / "results"))
    plan = make_plan(parse(words), words, warn=print)
    assert plan.space.parameters.keys() == {"known", "deep"}
    path.with_suffix(".grown").touch()
    experiment = Experiment.create(plan.root, plan.space, "", {"name": plan.name})
    search = open_search(plan, experiment)
    first, ended = search.queue.next(), TrialEnd(TrialState.COMPLETE, unread=(), added=("shown_late", "rate"))
    assert isinstance(first, TrialSpec)
    epoch = [{"epoch": 1.0, "val_accuracy": 0.5}]
    search.recorder.take(Report(first.trial_id, epoch, 1.0, WorkerId("node", 1), "node", end=ended))
    assert any("asks for 'rate'" in line and "later trials search it" in line for line in search.recorder.events)
    configs = {spec.trial_id: spec.config for _ in range(8) if isinstance(spec := search.queue.next(), TrialSpec)}
    assert {config["deep"] for config in configs.values()} == {False, True}
    for config in configs.values():
        assert ("shown_late" in config) == ("rate" in config) == config["deep"]
    search.recorder.close()
    experiment.close()

    experiment = Experiment.reopen(plan.root, plan.space, {"name": plan.name})
    search = open_search(plan, experiment)
    again = {spec.trial_id: spec.config for _ in range(9) if isinstance(spec := search.queue.next(), TrialSpec)}
    assert {trial_id: again[trial_id] for trial_id in configs} == configs
    (new,) = again.keys() - configs.keys()
    assert ("rate" in again[new]) == again[new]["deep"]
    search.recorder.close()
    experiment.close()
