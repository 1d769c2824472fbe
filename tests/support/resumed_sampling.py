"""A sampling that is taken up again from its journal, as after a crash."""

import json
from pathlib import Path

from search.sampling import Finished, Sampling
from search.space import Choice, Config, Float, Int, Space


def train(config: Config, trial: object) -> None:
    """Never called."""


SPACE = Space(
    trainable=train,
    parameters={
        "network": Choice("two_conv", "vgg16"),
        "rate": Float(1e-4, 1e-1, log=True, when={"network": "two_conv"}),
        "depth": Int(0, 400, when={"network": "vgg16"}),
        "mixed": Choice(1, True, "1", (3, 3)),
    },
    metric="value",
    trials=50,
)


def sampling_in(folder: Path) -> Sampling:
    return Sampling(SPACE, folder / "study.journal", sampler="tpe", seed=5)


def row(config: Config) -> Config:
    """The configuration as the table holds it: mixed options by their texts."""
    texts = {"mixed": SPACE.parameters["mixed"].text(config["mixed"]), "depth": float(str(config.get("depth", "nan")))}
    return {"rate": None, **config, **texts}


def read_table(folder: Path) -> dict[str, Finished]:
    path = folder / "table"
    text = path.read_text() if path.exists() else ""
    whole, _, _ = text.rpartition("\n")
    if path.exists():
        path.write_text(whole + "\n" if whole else "")
    rows = [json.loads(line) for line in whole.splitlines()]
    return {trial_id: Finished(state, value, config, {1: value, 2: value}) for trial_id, state, value, config in rows}
