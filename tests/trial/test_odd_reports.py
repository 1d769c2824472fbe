"""What a trainable may yield: numbers under names that are its own, and epochs that count up."""

from collections.abc import Iterator
from typing import Any

import pytest

from search.errors import SearchError
from search.experiment.schema import EPOCH_COLUMNS, TIME, WHOLE, stored_trial_fields
from search.goals import TAKEN
from search.goals import WHOLE as WHOLE_METRICS
from search.space import Int, Space
from search.trial.messages import as_metrics

METRICS = {"loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "baseline_accuracy"}


def test_no_metric_may_have_the_name_of_a_column_that_is_none() -> None:
    columns = {field.name: field.type for field in stored_trial_fields()}
    assert columns.keys() == TAKEN | METRICS | (WHOLE_METRICS & columns.keys())
    epochs = {column.name for column in EPOCH_COLUMNS if column.kind == WHOLE}
    assert {name for name in columns if columns[name] == WHOLE} - TAKEN | epochs == WHOLE_METRICS
    assert {name for name in columns if columns[name] == TIME} <= TAKEN


@pytest.mark.parametrize("name", ["trial_id", "seed", "error", "config.rate"])
def test_metric_under_a_taken_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=f"yielded '{name}', a column that every trial has; expected another name"):
        as_metrics({"epoch": 1, name: 0.5})

    def train(config: Any, trial: Any) -> Iterator[dict[str, float]]:
        yield {name: 0.5}

    with pytest.raises(SearchError, match=f"a metric is called '{name}'"):
        Space(trainable=train, parameters={"a": Int(1, 2)}, metric=name, trials=1)


@pytest.mark.parametrize(("name", "value"), [("epoch", 1.5), ("num_parameters", 2.5), ("sample_size", float("nan"))])
def test_count_that_is_no_whole_number_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"the trainable yielded {name}={value:g}; expected a whole number"):
        as_metrics({"loss": 0.5, name: value})
