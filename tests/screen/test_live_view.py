"""The live view: what is drawn of a search, in a terminal of any width and where there is none."""

import io
from dataclasses import replace

import pytest
import rich.console

from search.console import Console
from search.screen.live_view import LiveView, draw, headline, plain_interval
from search.screen.snapshot import BestTrial, FrontSoFar, RunningTrial, Snapshot
from search.wording import show_config, show_seconds

CONFIG = {f"parameter_{i}": i / 7 for i in range(20)}


def snapshot(done: int = 16, running: int = 2, **changes: object) -> Snapshot:
    trials = tuple(RunningTrial(f"{i:05d}", 3, 0.5, 75.0, CONFIG) for i in range(running))
    best = BestTrial("00003", 0.98123, CONFIG)
    world = Snapshot("mnist", "val_accuracy", 100, done - 4, 3, 1, 0, trials, 2, best, 200.0, 3500.0, 10, False)
    return replace(world, **changes)  # type: ignore[arg-type]  # a test names real fields


def drawn(world: Snapshot, width: int = 80, height: int = 24) -> list[str]:
    console = rich.console.Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as capture:
        console.print(draw(world, width, height))
    return capture.get().splitlines()


def printed(*worlds: Snapshot, quiet: bool = False, **console: object) -> str:
    """What a search leaves in a file or pipe, or sends to a terminal."""
    file = io.StringIO()
    screen = rich.console.Console(file=file, width=80, **console)  # type: ignore[arg-type]  # a test names real options
    with LiveView(Console(quiet, screen), "mnist: starting") as live:
        for world in worlds:
            live.show(lambda world=world: world)  # type: ignore[misc]
    return file.getvalue()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass between two snapshots; 10 unless a test changes it."""
    step, now = [10.0], [1000.0]

    def monotonic() -> float:
        now[0] += step[0]
        return now[0]

    monkeypatch.setattr("search.screen.live_view.time.monotonic", monotonic)
    return step


def test_epochs_of_a_budget_stand_beside_the_trials() -> None:
    assert "4/100 trials, 150/200 epochs" in headline(snapshot(4, epochs=150, epoch_budget=200))


def test_several_objectives_show_their_front_in_place_of_one_best() -> None:
    front = FrontSoFar(5, (("val_accuracy", 0.97123, "00003"), ("num_parameters", 1234.0, "00011")))
    line = (
        "5 configurations on the front; best val_accuracy 0.97123, trial 00003; best num_parameters 1234, trial 00011"
    )
    wide, narrow = drawn(snapshot(front=front), 140), drawn(snapshot(front=front), 60)
    assert wide[2].strip() == line
    assert [text.strip() for text in narrow[2:5]] == line.split("; ")
    assert f"left; {line}" in " ".join(printed(snapshot(front=front)).split())


def test_live_view_has_counts_best_and_one_row_for_each_running_trial() -> None:
    lines = drawn(snapshot(), height=12)
    assert lines[0].endswith("16/100 trials, 3 min 20 s, about 58 min 20 s left")
    assert lines[1].strip() == "2 running, 3 pruned, 1 failed"
    assert lines[2].startswith("best val_accuracy 0.9812, trial 00003:")
    assert lines[3].startswith("  parameter_0=0, parameter_1=0.1429")
    assert [line.split()[:3] for line in lines[6:]] == [
        ["trial", "epoch", "val_accuracy"],
        ["00000", "3/10", "0.5000"],
        ["00001", "3/10", "0.5000"],
    ]


def test_live_view_shows_what_running_trials_are_expected_to_end_with_where_a_model_says_so() -> None:
    first = replace(snapshot().running[0], expected=(0.97123, 0.9512, 0.98), config={"x": 1})
    second = replace(snapshot().running[1], config={"x": 2})
    lines = drawn(replace(snapshot(best=None), running=(first, second)), 120)
    assert lines[2].split("  ")[3].strip() == "expected at its end"
    assert "0.5000        0.9712 (0.9512 to 0.98)" in lines[3]
    assert lines[4].split() == ["00001", "3/10", "0.5000", "1", "min", "15", "s", "x=2"]
    narrow = drawn(replace(snapshot(best=None), running=(first,)), 50)
    assert "expected 0.9712 (0.9512 to 0.98)" in " ".join(" ".join(narrow).split())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_live_view_never_wraps_however_long_a_configuration_is(width: int) -> None:
    lines = drawn(snapshot(), width, height=12)
    assert len(lines) <= 9  # Of which three are the best configuration at most.
    assert max(map(len, lines)) <= width
    assert "00000  3/10   0.5000        1 min 15 s" in lines[-2]


@pytest.mark.parametrize("width", [60, 80])
def test_running_trials_are_shown_to_their_last_parameter_where_the_terminal_is_high_enough(width: int) -> None:
    lines = drawn(snapshot(), width, height=30)
    assert max(map(len, lines)) <= width
    told = " ".join(
        line.strip() for line in lines[lines.index(next(one for one in lines if one.startswith("00000"))) :]
    )
    for trial in ("00000: epoch 3/10, val_accuracy 0.5000", "00001: epoch 3/10, val_accuracy 0.5000"):
        assert trial in told
    assert told.count(show_config(CONFIG)) == 2


def test_best_configuration_is_shown_to_its_last_parameter_on_a_narrow_terminal() -> None:
    config = {"kernel_size": 5, "filters": 32, "dropout": 0.03606, "learning_rate": 0.001187}
    lines = drawn(snapshot(best=BestTrial("00028", 0.9972, config)), width=60)
    assert lines[2].strip() == "best val_accuracy 0.9972, trial 00028:"
    assert "learning_rate=0.001187" in " ".join(line.strip() for line in lines[3:5])


def test_small_metric_is_shown_with_its_digits() -> None:
    running = (RunningTrial("00004", 3, 0.00345678, 75.0, {}),)
    text = "\n".join(drawn(replace(snapshot(), best=BestTrial("00003", 1.2345e-6, {"rate": 0.1}), running=running)))
    assert "1.234e-06" in text
    assert "0.003457" in text


def test_time_left_says_that_repeats_come_after_it_and_then_that_they_run() -> None:
    assert headline(snapshot(repeats_due=True)).endswith("about 58 min 20 s left, then repeats")
    ended = headline(snapshot(100, repeats_due=True, left_s=0.0))
    assert ended.endswith("repeating the leading configurations with other seeds")


def test_live_view_is_never_higher_than_the_terminal() -> None:
    lines = drawn(snapshot(running=60), height=12)
    assert len(lines) < 12
    assert "and 57 more" in lines[-1]


def test_time_left_is_not_told_before_there_is_something_to_base_it_on() -> None:
    assert "left" not in headline(snapshot(left_s=None))
    assert "left" not in headline(snapshot(left_s=0.2))


def test_closing_search_says_so_in_place_of_the_time_left() -> None:
    assert headline(snapshot(closing=True)).endswith("closing: running trials save and end")


def test_output_that_is_no_terminal_gets_plain_lines(clock: list[float]) -> None:
    text = printed(snapshot(), snapshot(20), snapshot(30))
    assert text.splitlines()[0] == "mnist: starting"
    assert text.splitlines()[1].startswith("16/100 trials, 2 running, 3 pruned, 1 failed, 3 min 20 s")
    assert [line.split("/")[0] for line in text.splitlines()[2:]] == ["20", "30"]
    assert "\x1b" not in text


def test_plain_lines_stay_few_when_much_happens(clock: list[float]) -> None:
    clock[0] = 0.3
    worlds = [snapshot(i, best=BestTrial(f"{i:05d}", i / 100, {"x": i}), elapsed_s=i) for i in range(4, 100)]
    assert 5 < len(printed(*worlds).splitlines()) < 40


def test_plain_lines_come_seldom_when_nothing_happens(clock: list[float]) -> None:
    assert len(printed(*[snapshot(elapsed_s=10 * i) for i in range(1, 61)]).splitlines()) < 25


def test_interval_of_plain_lines_grows_with_the_search_up_to_a_minute() -> None:
    assert [plain_interval(elapsed_s) for elapsed_s in (0, 100, 1000, 1e6)] == [5, 5, 20, 60]


def test_quiet_says_nothing(clock: list[float]) -> None:
    assert printed(snapshot(), snapshot(20), quiet=True) == ""
    assert printed(snapshot(), quiet=True, force_terminal=True) == ""


def test_terminal_that_cannot_move_its_cursor_gets_plain_lines(clock: list[float]) -> None:
    text = printed(snapshot(), force_terminal=True, _environ={"TERM": "dumb"})
    assert "16/100 trials" in text
    assert "\x1b[1A" not in text


def test_no_color_keeps_the_view_without_colours(clock: list[float]) -> None:
    text = printed(snapshot(), snapshot(20), force_terminal=True, _environ={"NO_COLOR": "1", "TERM": "xterm"})
    assert "20/100 trials" in text
    assert "\x1b[3" not in text


def test_failed_trial_is_told_once_and_stays_on_the_screen(clock: list[float]) -> None:
    failed = snapshot(failed=2, latest_failure=("00007", "ValueError: [no] layer"))
    text = printed(snapshot(), failed, failed, force_terminal=True, _environ={"TERM": "xterm", "NO_COLOR": "1"})
    assert text.count("trial 00007 failed: ValueError: [no] layer") == 1


def test_many_failed_trials_do_not_flood_the_output(clock: list[float]) -> None:
    worlds = [snapshot(failed=i, latest_failure=(f"{i:05d}", "NaN")) for i in range(200)]
    assert printed(*worlds).count(" failed: NaN") <= 10


def test_what_befell_the_last_trials_is_told_also_where_the_search_ends_at_once(clock: list[float]) -> None:
    clock[0] = 0.01
    worlds = (snapshot(), snapshot(events=("recycled worker here:1",)))
    assert printed(*worlds).count("recycled worker here:1") == 1


def test_what_befell_a_worker_is_told_once(clock: list[float]) -> None:
    text = printed(snapshot(events=("worker a died",)), snapshot(events=("worker a died", "worker b died")))
    assert (text.count("worker a died"), text.count("worker b died")) == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599.7, "1 h 00 min"), (90_000, "25 h 00 min")],
)
def test_time_span_reads_as_said(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


def test_configuration_on_one_line_has_few_digits() -> None:
    assert show_config({"a": 0.123456, "b": "x", "c": None, "d": 3}) == "a=0.1235, b=x, c=None, d=3"


def test_long_value_of_a_configuration_is_cut_where_it_says_least() -> None:
    assert show_config({"prompt": "a" * 40 + "b" * 40, "x": 1}) == f"prompt={'a' * 29}…{'b' * 30}, x=1"
