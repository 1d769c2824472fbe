"""On how many images a plan says that its trials are validated, by which `--patience` knows the noise."""

import dataclasses

from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.space import Int
from tests.support.shipped_spaces import ROOT


def test_noise_of_the_metric_is_that_of_the_fewest_images_that_a_trial_is_validated_on() -> None:
    words = (str(ROOT / "spaces" / "digits_filters.py"),)
    plan = make_plan(parse(words), words, warn=print)
    assert plan.validation_images == {"val_accuracy": 359}
    fewer = (*words, "--set", "evaluation_size=100")
    assert make_plan(parse(fewer), fewer, warn=print).validation_images == {"val_accuracy": 100}
    searched = dataclasses.replace(plan.space, parameters={"evaluation_size": Int(50, 5000)})
    assert dataclasses.replace(plan, space=searched).validation_images == {"val_accuracy": 50}
