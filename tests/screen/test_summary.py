"""The end of a search as its user reads it: the best trials, the words that run the best again, what failed."""

import dataclasses
import math
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest
import rich.console

from search.console import Console
from search.experiment.states import SearchEnd
from search.planning.options import Options, parse
from search.planning.options.values import set_words
from search.planning.overrides import with_options
from search.planning.plan import Plan
from search.screen.summary import Result, print_summary
from search.space import Choice, Float, Space
from search.space.loading import SpaceFile
from trainables.branin import train

SPACE = Space(train, {"x1": Float(-5, 10), "x2": Choice(1, 2)}, metric="value", mode="min", trials=3)


def plan(**changes: object) -> Plan:
    space_file = SpaceFile(str(Path.cwd() / "spaces" / "given.py"), "")
    known = {"space_file": space_file, "space": SPACE, "name": "given", "results": Path("results")}
    known |= {"trials": 3, "seed": 0, "dataset": None, "asked_dataset": None, "data_dir": None}
    return Plan(**{**known, **changes})  # type: ignore[arg-type]  # a test names real fields


def row(number: int, config: Mapping[str, object], **values: object) -> dict[str, object]:
    shown = {f"config.{name}": value for name, value in config.items()}
    whole = {"trial_id": f"{number:05d}", "state": "complete", "value": 0.5 + number, "epochs": 1, "train_seconds": 2.0}
    return {**whole, **shown, **values}


def result(**changes: object) -> Result:
    config = {"x1": 3.125, "x2": 2}
    known = {"plan": plan(), "counts": {"complete": 2, "pruned": 0, "failed": 1}, "repeats": 0, "seconds": 61.0}
    known |= {"ranked": [row(0, config), row(1, config)], "best_config": config, "best_runs": 1, "best_mean": 0.5}
    return Result(**{**known, "failures": [], "workers": 2, "end": SearchEnd.FINISHED, **changes})  # type: ignore[arg-type]


def printed(world: Result, width: int = 100) -> str:
    screen = rich.console.Console(width=width)
    with screen.capture() as capture:
        print_summary(Console(screen=screen), world)
    return capture.get()


def again(text: str) -> list[str]:
    """The words of the line that runs the best configuration again."""
    line = next(line for line in text.splitlines() if line.startswith("again:"))
    words = shlex.split(line.removeprefix("again:"))
    assert words[:3] == ["python", "-m", "search.run"]
    return words[3:]


def test_summary_ends_with_where_the_results_are_and_how_to_compare_them() -> None:
    lines = printed(result()).splitlines()
    assert lines[1] == "given: 2 complete, 1 failed in 1 min 01 s on 2 workers."
    assert lines[-2:] == ["results: results/given", "compare: python -m analysis.compare results/given"]


def test_a_stopped_trial_with_the_best_value_is_named() -> None:
    ahead = row(7, {"x1": 1.0}, state="pruned", value=0.25, epochs=3)
    assert "Trial 00007 was stopped after 3 epochs with value 0.25, better than any" in printed(result(ahead=ahead))
    assert "better than any" not in printed(result())


def test_mean_over_seeds_is_called_one() -> None:
    assert "best value: 0.5 (one seed)" in printed(result())
    assert "best value: 0.625 (mean of 3 seeds)" in printed(result(best_runs=3, best_mean=0.625))


def test_runs_are_told_where_a_configuration_was_repeated() -> None:
    ranked = [row(0, {"x1": 1.0}, runs=3), row(1, {"x1": 2.0}, runs=1)]
    heading = next(line for line in printed(result(ranked=ranked)).splitlines() if line.startswith("trial"))
    assert heading.split()[:3] == ["trial", "runs", "value"]
    assert "runs" not in printed(result(ranked=[row(0, {"x1": 1.0}, runs=1)]))


def test_a_setting_with_the_name_of_another_column_is_told_from_it() -> None:
    heading = next(
        line for line in printed(result(ranked=[row(0, {"epochs": 8})])).splitlines() if line.startswith("trial")
    )
    assert heading.split()[:4] == ["trial", "value", "epochs", "config.epochs"]


def test_settings_with_the_names_of_the_first_and_the_last_column_are_told_from_them() -> None:
    ranked = [row(0, {"trial": 8, "seconds": 9, "units": 7})]
    heading = next(line for line in printed(result(ranked=ranked)).splitlines() if line.startswith("trial"))
    assert heading.split() == ["trial", "value", "epochs", "config.trial", "config.seconds", "units", "seconds"]


def test_pruned_trial_in_the_table_is_marked() -> None:
    ranked = [row(0, {"x1": 1.0}), row(1, {"x1": 2.0}, state="pruned")]
    assert "00001 pruned" in printed(result(ranked=ranked))


@pytest.mark.parametrize("width", [80, 100, 400])
def test_table_of_the_best_names_every_parameter_in_any_width(width: int) -> None:
    config: dict[str, object] = {f"a_long_parameter_{i}": f"[bold]value_{i}" for i in range(12)}
    text = printed(result(ranked=[row(i, config) for i in range(9)]), width)
    table = text.partition("best value:")[0]
    assert all(name in table for name in config)
    assert table.count("[bold]v") == 5 * 12
    assert all(len(line.rstrip()) <= width for line in table.splitlines())


MIXED: dict[str, object] = {
    "whole": 1,
    "digit": "1",
    "number": 1.0,
    "small": 1e-7,
    "truth": True,
    "said": "True",
    "nothing": None,
    "none": "None",
    "empty": "",
    "layers": (64, 32),
    "words": "two words",
    "space": " 1",
    "quote": 'it\'s "so"',
    "equals": "a=b",
    "minus": -3,
    "option": "--set",
    "shell": "$HOME *; #",
    "zeros": "007",
}


@pytest.mark.parametrize("name", MIXED)
def test_words_of_the_best_configuration_give_back_the_same_value(name: str) -> None:
    words = again(printed(result(best_config={name: MIXED[name]})))
    (read,) = parse(words).pins.items()
    assert read == (name, MIXED[name])
    assert type(read[1]) is type(MIXED[name])


def test_words_of_all_settings_are_read_back_together() -> None:
    assert parse(["given.py", *set_words(MIXED)]).pins == MIXED


def test_words_keep_what_was_asked_for_and_where_data_and_results_are() -> None:
    options = Options(pins={"epochs": 5, "x2": 2}, dataset="digits")
    world = plan(options=options, seed=7, data_dir=Path("/data sets"), results=Path("elsewhere"))
    options = parse(again(printed(result(plan=world))))
    assert options.pins == {"epochs": 5, "x2": 2, "x1": 3.125}
    assert (options.dataset, options.seed, options.data_dir) == ("digits", 7, Path("/data sets"))
    assert (options.results, options.name, options.trials, options.stopping) == (
        Path("elsewhere"),
        "given-best",
        1,
        "none",
    )


def test_failed_trial_names_its_error_and_its_log() -> None:
    failures = [row(i, {}, state="failed", error="ValueError: [x]", log=f"logs/{i:05d}.log") for i in range(5)]
    text = printed(result(failures=failures))
    assert "failed:  trial 00000: ValueError: [x]; see results/given/logs/00000.log" in text
    assert "failed:  and 2 more" in text


def test_search_without_a_trial_that_ended_says_so() -> None:
    text = printed(result(counts={"complete": 0}, ranked=[], best_config=None, best_runs=0, best_mean=None))
    assert "given: no trial ended in 1 min 01 s" in text
    assert "again:" not in text


def test_smoke_run_promises_no_results() -> None:
    text = printed(result(plan=plan(throwaway=True)))
    assert "its results are thrown away" in text
    assert "again:" not in text
    assert "results/given" not in text


def test_resume_of_a_finished_search_says_that_nothing_was_left() -> None:
    assert "given: 2 complete, 1 failed (no trial was left to do)." in printed(result(workers=0))


def test_a_budget_that_ended_before_any_trial_began_is_told_without_workers() -> None:
    none: dict[str, object] = {"counts": {}, "ranked": [], "best_config": None, "best_runs": 0, "best_mean": None}
    assert "given: no trial ended in 1 min 01 s (none had begun)." in printed(
        result(workers=0, end=SearchEnd.TIME_BUDGET, **none)
    )
    resumed = printed(result(workers=0, end=SearchEnd.TIME_BUDGET))
    assert "given: 2 complete, 1 failed (no other trial had begun)." in resumed


def test_a_used_up_time_budget_is_told_with_what_is_left() -> None:
    world = plan()
    short = dataclasses.replace(world, trials=20, options=dataclasses.replace(world.options, time_budget_s=240.0))
    told = printed(result(plan=short, counts={"complete": 2, "pruned": 1}, end=SearchEnd.TIME_BUDGET))
    assert "The time budget of 4 min 00 s is used up: 17 of 20 configurations have not ended.\n" in told
    done = printed(result(plan=short, counts={"complete": 20}, end=SearchEnd.TIME_BUDGET))
    assert "time budget" not in done


def test_a_used_up_epoch_budget_is_told_with_the_way_on() -> None:
    lines = printed(result(plan=plan(options=Options(epoch_budget=200)), end=SearchEnd.EPOCH_BUDGET))
    assert "The epoch budget of 200 epochs is used up; with --resume a larger one goes on." in lines


def test_function_that_gives_nothing_new_is_not_called_exhausted() -> None:
    world = plan(space=Space(train, lambda _: {}, metric="value", mode="min", trials=3))
    assert "A thousand draws gave no further configuration" in printed(result(plan=world, end=SearchEnd.EXHAUSTED))


def test_options_that_are_no_plain_values_are_given_back_by_their_words() -> None:
    options = (Path("a b"), math.sin, frozenset({"x", "y"}), (frozenset({"x"}), 1), {"a": {"x"}}, {"x", "y"})
    for option in options:
        space = Space(train, {"o": Choice(*options)}, metric="value", mode="min", trials=3)
        words = again(printed(result(plan=plan(space=space), best_config={"o": option})))
        assert with_options(space, parse(words)).fixed == {"o": option}


def test_exhausted_space_is_told() -> None:
    assert "every configuration that it has was tried" in printed(result(end=SearchEnd.EXHAUSTED))


def test_trials_stopped_on_a_part_of_the_training_set_are_told_in_one_line() -> None:
    lines = printed(result(on_a_part=12)).splitlines()
    assert "12 trials were stopped on a part of the training set and are not compared." in lines
    assert "stopped on a part" not in printed(result())


def test_best_of_an_object_of_python_is_run_again_by_a_call_with_all_that_the_search_was_given() -> None:
    given = SpaceFile("given.py", "", packed=b"x")
    options = Options(
        pins={"epochs": 2}, dataset="digits", metric="val_accuracy", constraints={"num_parameters": "<=9"}
    )
    world = result(plan=plan(space_file=given, options=options, seed=7), best_config={"x2": 2})
    assert (
        "again:   run_search(space, set={'epochs': 2, 'x2': 2}, dataset='digits', metric='val_accuracy', "
        "constraint='num_parameters<=9', seed=7, trials=1, stopping='none', name='given-best')" in printed(world, 400)
    )


def test_best_of_a_growing_training_set_is_run_again_with_one() -> None:
    options: dict[str, float | str] = {"fidelity": "both", "min_epochs": 2}
    space = dataclasses.replace(SPACE, stopping="asha", stopping_options=options)
    words = again(printed(result(plan=plan(space=space))))
    assert words[words.index("--stopping") :][:4] == ["--stopping", "asha", "--fidelity", "both"]
    assert "none" in again(printed(result()))
