"""A search without Ray: what is proposed, what a report does, when it is over, what a resume takes in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.driver.ranking import row_with_means
from search.driver.rows import write_log
from search.driver.trial_queue import NoTrial
from search.driver.trials import EndedTrial
from search.experiment.schema import read_epochs, read_trials
from search.experiment.states import TrialState
from search.space import Choice
from search.trial.messages import Report, TrialEnd, TrialSpec
from tests.support.search_world import World


def test_as_many_configurations_as_asked_end_once_each(make: Callable[..., World]) -> None:
    world = make(trials=7)
    world.run()
    assert list(world.states().values()) == ["complete"] * 7
    assert world.study() == {"COMPLETE": 7}


def test_every_first_run_has_the_seed_of_the_experiment_and_its_settings(make: Callable[..., World]) -> None:
    spec = make().start()
    assert spec.seed == 3
    assert spec.config["epochs"] == 9
    assert (spec.config["metric"], spec.config["mode"]) == ("value", "max")


def test_a_trial_that_is_behind_at_its_rung_is_pruned(make: Callable[..., World]) -> None:
    world = make(trials=20)
    for _ in range(6):
        good = world.start()
        assert not world.epoch(good, 1, 1.0)
        world.end(good)
    behind = world.start()
    assert world.epoch(behind, 1, 0.0)
    world.search.recorder.flush()
    assert world.states()[behind.trial_id] == "pruned"
    assert world.study()["PRUNED"] == 1


def test_metrics_of_a_trial_are_those_of_its_best_epoch(make: Callable[..., World]) -> None:
    world = make()
    spec = world.start()
    for epoch, value in enumerate([0.1, 0.9, 0.5], 1):
        world.epoch(spec, epoch, value)
    world.end(spec, summary={"test_value": 0.25})
    world.search.recorder.flush()
    row = read_trials(world.experiment.root).table.to_pylist()[0]
    assert (row["value"], row["best_epoch"], row["epochs"], row["test_value"]) == (0.9, 2, 3, 0.25)


def test_words_of_a_trainable_stand_in_the_row_of_its_trial(make: Callable[..., World]) -> None:
    world = make()
    spec = world.start()
    world.search.recorder.take(Report(spec.trial_id, epochs=[{"epoch": 1, "value": 0.5}], facts={"engine": "fit"}))
    world.end(spec)
    world.search.recorder.flush()
    assert read_trials(world.experiment.root).table.to_pylist()[0]["engine"] == "fit"


def test_row_of_a_repeated_trial_tells_the_means_over_its_runs() -> None:
    row: dict[str, object] = {"trial_id": "a", "value": 0.9, "val_loss": 0.2, "epochs": 3, "config.rate": 0.5}
    first = EndedTrial("a", 0, TrialState.COMPLETE, 0.9, {}, row=row)
    repeats = [
        EndedTrial("b", 0, TrialState.COMPLETE, 0.8, {}, "a", {**row, "trial_id": "b", "value": 0.8, "val_loss": 0.4}),
        EndedTrial("c", 0, TrialState.FAILED, None, {}, "a", {"trial_id": "c", "error": "lost"}),
    ]
    told = row_with_means(first, [first, *repeats])
    assert (told["value"], told["val_loss"]) == pytest.approx((0.85, 0.3))
    assert (told["trial_id"], told["runs"], told["epochs"], told["config.rate"]) == ("a", 2, 3, 0.5)


def test_reports_that_a_restarted_trial_repeats_count_once(make: Callable[..., World]) -> None:
    world = make()
    spec = world.start()
    for epoch in (1, 2, 1, 2, 3):
        assert not world.epoch(spec, epoch, float(epoch))
    world.end(spec)
    world.search.recorder.flush()
    assert read_epochs(world.experiment.root).table["epoch"].to_pylist() == [1, 2, 3]


def test_a_trial_whose_worker_is_lost_is_begun_again_first_and_fails_the_third_time(make: Callable[..., World]) -> None:
    world = make()
    lost = world.start()
    for _ in range(2):
        world.epoch(lost, 1, 0.5)
        world.search.recorder.lose_worker(lost.trial_id)
        again = world.start()
        assert (again.trial_id, again.config, again.seed) == (lost.trial_id, lost.config, lost.seed)
        assert again.begun  # An earlier attempt may have left a checkpoint, perhaps only in a store.
    world.search.recorder.lose_worker(lost.trial_id)
    world.run()
    assert world.states()[lost.trial_id] == "failed"
    assert world.study() == {"COMPLETE": 4, "FAIL": 1}


def test_the_log_of_a_trial_holds_no_colours_of_a_terminal(make: Callable[..., World]) -> None:
    world = make()
    ended = TrialEnd(TrialState.FAILED, output="\x1b[32m1/4\x1b[0m", traceback="\x1b[1mwrong\x1b[0m")
    assert write_log(world.experiment, "00007", ended) == "logs/00007.log"
    assert (world.experiment.logs / "00007.log").read_text() == "1/4\nwrong\n"


def test_a_failed_trial_is_told_fail_and_never_best(make: Callable[..., World]) -> None:
    world = make()
    failed, good = world.start(), world.start()
    world.epoch(failed, 1, 9.0)
    world.end(failed, TrialState.FAILED, error="loss became nan in epoch 2", diverged=True)
    world.epoch(good, 1, 0.5)
    world.end(good)
    world.search.recorder.flush()
    best = world.best()
    assert best is not None
    assert best.trial_id == good.trial_id
    assert world.study() == {"FAIL": 1, "COMPLETE": 1}


def test_of_equal_trials_the_lower_number_is_best(make: Callable[..., World]) -> None:
    world = make()
    first, second = world.start(), world.start()
    for spec in (second, first):
        world.epoch(spec, 1, 1.0)
        world.end(spec)
    best = world.best()
    assert best is not None
    assert best.trial_id == first.trial_id


def test_a_resume_keeps_what_ended_and_runs_the_rest_again_under_its_own_id(make: Callable[..., World]) -> None:
    world = make(trials=5)
    ended, cut_off = world.start(), world.start()
    world.epoch(ended, 1, 0.5)
    world.end(ended)
    world.search.recorder.flush()
    world.epoch(cut_off, 1, 0.5)
    world.resume()  # The driver was killed: nothing was closed.
    again = world.start()
    assert (again.trial_id, again.config, again.seed) == (cut_off.trial_id, cut_off.config, cut_off.seed)
    world.epoch(again, 1, 0.5)
    world.end(again)
    world.run()
    assert list(world.states().values()) == ["complete"] * 5
    assert world.study() == {"COMPLETE": 5, "FAIL": 1}


def test_a_row_that_was_stored_before_the_study_heard_of_it_is_told_at_the_resume(make: Callable[..., World]) -> None:
    world = make(trials=2)
    spec = world.start()
    world.epoch(spec, 1, 0.5)
    world.end(spec)
    world.experiment.append(world.search.recorder._rows, world.search.recorder._epoch_rows)  # and then it was killed
    world.resume()
    assert world.study() == {"COMPLETE": 1}
    world.run()
    assert world.study() == {"COMPLETE": 2}


def test_a_study_is_rebuilt_from_the_tables_alone(make: Callable[..., World]) -> None:
    world = make(trials=4)
    world.run(lambda spec: float(str(spec.config["x"])))
    world.experiment.journal.unlink()
    world.resume(trials=6)
    assert world.study() == {"COMPLETE": 4}
    world.run()
    assert world.study() == {"COMPLETE": 6}
    assert len(world.states()) == 6


def test_a_larger_number_of_trials_extends_a_finished_search(make: Callable[..., World]) -> None:
    world = make(trials=3)
    world.run()
    configs = [dict(ended.config) for ended in world.search.trials.ended.values()]
    world.resume(trials=5)
    world.run()
    assert [dict(ended.config) for ended in world.search.trials.ended.values()][:3] == configs
    assert len(world.states()) == 5


def test_failed_trials_run_again_only_when_asked(make: Callable[..., World]) -> None:
    world = make(trials=2)
    failed = world.start()
    world.end(failed, TrialState.FAILED, error="disk full")
    world.run()
    world.resume()
    assert world.search.queue.next() is NoTrial.SEARCH_OVER
    world.resume(retry_failed=True)
    assert world.start().trial_id == failed.trial_id
    world.end(failed)
    world.search.recorder.close()
    assert set(world.states().values()) == {"complete"}


def test_the_stopping_rule_remembers_across_a_resume(make: Callable[..., World]) -> None:
    world = make(trials=20)
    for _ in range(6):
        spec = world.start()
        world.epoch(spec, 1, 1.0)
        world.end(spec)
    world.search.recorder.flush()
    world.resume()
    assert world.epoch(world.start(), 1, 0.0)


def test_a_finite_space_that_is_exhausted_ends_the_search(make: Callable[..., World]) -> None:
    world = make(parameters={"kind": Choice("a", "b", "c")}, trials=50)
    world.run()
    assert len(world.states()) == 3
    assert world.search.queue.exhausted


def test_repeats_run_the_leaders_with_further_seeds_and_the_sampler_does_not_see_them(
    make: Callable[..., World],
) -> None:
    world = make(trials=6, repeats=3)
    seen: list[tuple[str, int]] = []

    def value(spec: TrialSpec) -> float:
        seen.append((spec.trial_id, spec.seed))
        return float(int(spec.trial_id[:5]))  # Without noise: the last configuration leads.

    world.run(value)
    assert seen[6:] == [("00005r1", 4), ("00004r1", 4), ("00003r1", 4), ("00002r1", 4), ("00005r2", 5), ("00004r2", 5)]
    assert world.study() == {"COMPLETE": 6}
    of = {r["trial_id"]: r["repeat_of"] for r in read_trials(world.experiment.root).table.to_pylist()}
    assert (of["00005"], of["00005r2"]) == (None, "00005")


def test_every_configuration_is_repeated_where_the_space_says_all(make: Callable[..., World]) -> None:
    world = make(trials=3, repeats=2, repeat="all")
    world.run()
    assert len(world.states()) == 6


def test_configurations_within_the_noise_of_the_best_get_every_seed(make: Callable[..., World]) -> None:
    world = make(trials=4, repeats=3)
    world.run(lambda spec: spec.seed % 2 + 0.001 * int(spec.trial_id[:5]))
    assert len(world.states()) == 4 + 4 + 4


def test_trials_that_all_fail_with_one_cause_end_the_search(make: Callable[..., World]) -> None:
    world = make(trials=50)
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        world.end(spec, TrialState.FAILED, error="NameError: name 'kears' is not defined")
    assert len(world.states()) == 3
    assert "kears" in str(world.search.queue.fault)


def test_diverging_trials_do_not_end_the_search(make: Callable[..., World]) -> None:
    world = make(trials=15)
    while isinstance(spec := world.search.queue.next(), TrialSpec):
        world.end(spec, TrialState.FAILED, error="loss became nan in epoch 1", diverged=True)
    assert len(world.states()) == 15
    assert world.search.queue.fault is None


def test_an_interrupted_trial_stays_running_in_the_table_and_fails_in_the_study(make: Callable[..., World]) -> None:
    world = make(trials=2)
    spec = world.start()
    world.epoch(spec, 1, 0.5)
    world.search.queue.close()
    world.end(spec, TrialState.INTERRUPTED)
    world.search.recorder.close()
    assert world.states() == {spec.trial_id: "running"}
    assert world.study() == {"FAIL": 1}
    world.resume()
    assert world.start().trial_id == spec.trial_id


def test_a_checkpoint_that_a_killed_driver_left_of_an_ended_trial_is_removed(make: Callable[..., World]) -> None:
    world = make()
    ended, running = world.start(), world.start()
    world.epoch(ended, 1, 0.5)
    world.epoch(running, 1, 0.6)
    world.end(ended)
    world.search.recorder.flush()
    for spec in (ended, running):
        (world.experiment.checkpoints / spec.trial_id / "000001").mkdir(parents=True)
    world.resume()
    assert [folder.name for folder in world.experiment.checkpoints.iterdir()] == [running.trial_id]
