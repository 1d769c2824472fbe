"""The live view of a search: a few lines that refresh in a terminal or a notebook, plain lines elsewhere."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable

from rich.console import Group
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.console import Console, as_written
from search.screen.notebook_view import NotebookView
from search.screen.snapshot import BestTrial, FrontSoFar, RunningTrial, Snapshot
from search.wording import counted, show_config, show_metric, show_seconds

REFRESH_S = 0.25
BEST_LINES = 3
"""Lines that the best configuration may take."""
SHOWN_FAILURES = 10
"""How many failed trials are told as they fail; the table of trials has all."""


def plain_interval(elapsed_s: float) -> float:
    """Return the seconds between two plain lines: 5 at first, a fiftieth of the search later, a minute at most."""
    return min(60.0, max(5.0, elapsed_s / 50))


def headline(snapshot: Snapshot) -> str:
    """Return counts and times on one line."""
    return ", ".join([_progress(snapshot), *_states(snapshot), *_times(snapshot)])


def _progress(snapshot: Snapshot) -> str:
    trials = f"{snapshot.done}/{snapshot.trials} trials"
    return trials if snapshot.epoch_budget is None else f"{trials}, {snapshot.epochs}/{snapshot.epoch_budget} epochs"


def _states(snapshot: Snapshot) -> list[str]:
    counts = ((len(snapshot.running), "running"), (snapshot.pruned, "pruned"), (snapshot.failed, "failed"))
    return [f"{n} {word}" for n, word in (*counts, (snapshot.repeats, "repeats")) if n]


def _times(snapshot: Snapshot) -> list[str]:
    times = [show_seconds(snapshot.elapsed_s)]
    if snapshot.closing:
        times.append("closing: running trials save and end")
    elif snapshot.left_s is not None and snapshot.left_s >= 1 and snapshot.done < snapshot.trials:
        then = ", then repeats" if snapshot.repeats_due else ""
        times.append(f"about {show_seconds(snapshot.left_s)} left{then}")
    elif snapshot.repeats_due and snapshot.done >= snapshot.trials:
        times.append("repeating the leading configurations with other seeds")
    return times


def best_line(metric: str, best: BestTrial) -> str:
    """Return the best trial on one line."""
    return f"best {metric} {show_metric(best.value)}, trial {best.trial_id}: {show_config(best.config)}"


def front_lines(front: FrontSoFar) -> list[str]:
    """Return how many configurations are on the front, then the best of each objective."""
    best = [f"best {metric} {value:.6g}, trial {trial_id}" for metric, value, trial_id in front.best]
    return [f"{counted(front.size, 'configuration')} on the front", *best]


def _found(snapshot: Snapshot) -> str:
    """Return what was found so far on one line; empty where nothing was."""
    if snapshot.front is not None:
        return "; ".join(front_lines(snapshot.front))
    return best_line(snapshot.metric, snapshot.best) if snapshot.best is not None else ""


class LiveView:
    """Shows snapshots; use as a context. `look` is called only when there is something to draw.

    `opening` stands there until the first snapshot.
    """

    def __init__(self, console: Console, opening: str) -> None:
        self._console, self._opening = console, opening
        self._live = _view_in_place(console)
        self._next_drawing = 0.0
        """The time before which nothing more is drawn."""
        self._line_at = 0.0
        self._best: str | FrontSoFar | None = None
        self._done = 0
        """When the latest plain line was printed, and what it said of the best and of ended configurations."""
        self._failed = 0
        self._events = 0
        """How many failures and events have been printed."""
        self._not_shown: Callable[[], Snapshot] | None = None
        """The latest snapshot, where it came too soon after a drawing."""

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
            self._live.update(Text(self._opening), refresh=True)
        else:
            self._console.note(self._opening)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._not_shown is not None and exception[0] is None:
            self._print_news(self._not_shown())  # What befell the last trials is told too.
        if self._live is not None:
            self._live.stop()

    @property
    def draws_running(self) -> bool:
        """Whether it shows running trials, which plain lines do not."""
        return self._live is not None

    def show(self, look: Callable[[], Snapshot]) -> None:
        """Draw the search as it stands, if the last drawing is old enough."""
        now = time.monotonic()
        if self._console.quiet:
            return
        if now < self._next_drawing:
            self._not_shown = look
            return
        self._next_drawing, self._not_shown = now + REFRESH_S, None
        snapshot = look()
        self._print_news(snapshot)
        if self._live is None:
            self._print_line(snapshot, now)
        else:
            screen = self._console.screen
            self._live.update(draw(snapshot, screen.width, screen.height), refresh=True)

    def _print_news(self, snapshot: Snapshot) -> None:
        """Print failures and faults, which stay on the screen above the live lines."""
        if snapshot.failed > self._failed and snapshot.latest_failure is not None and self._failed < SHOWN_FAILURES:
            trial_id, error = snapshot.latest_failure
            self._console.note(f"trial {trial_id} failed: {error}", "red")
            if snapshot.failed >= SHOWN_FAILURES:
                self._console.note("further failures are only counted here; the table of trials has them all", "red")
        self._failed = snapshot.failed
        for event in snapshot.events[self._events :]:
            self._console.note(event, "yellow")
        self._events = len(snapshot.events)

    def _print_line(self, snapshot: Snapshot, now: float) -> None:
        """Print a plain line: soon after a new best, later after a new count, and now and then in any case."""
        best = snapshot.front or (snapshot.best.trial_id if snapshot.best else None)
        interval = plain_interval(snapshot.elapsed_s)
        factor = 1 if snapshot.done != self._done else 6
        if now < self._line_at + (interval / 5 if best != self._best else factor * interval):
            return
        self._console.note("; ".join(text for text in (headline(snapshot), _found(snapshot)) if text))
        self._best, self._done, self._line_at = best, snapshot.done, now


def _view_in_place(console: Console) -> Live | NotebookView | None:
    """What draws over what it has drawn before; None where lines follow each other, or nothing is shown."""
    screen = console.screen
    if console.quiet:
        return None
    if screen.is_jupyter:
        return NotebookView()
    in_place = screen.is_terminal and not screen.is_dumb_terminal
    return Live(console=screen, auto_refresh=False, transient=True) if in_place else None


def draw(snapshot: Snapshot, width: int, height: int) -> Group:
    """Return the view: a headline with a bar, the best so far, a row for each running trial, as many as fit."""
    lines: list[Text | Table] = [_headline_with_bar(snapshot, width), _line(Text(", ".join(_states(snapshot))))]
    if snapshot.front is not None:
        whole = _found(snapshot)
        texts = [whole] if len(whole) <= width else front_lines(snapshot.front)
        lines += [_line(Text(text, style="green")) for text in texts]
    elif snapshot.best is not None:
        lines += [_line(Text(text, style="green")) for text in _best_lines(snapshot.metric, snapshot.best, width)]
    if snapshot.running:
        lines += _running(snapshot, width, room=max(1, min(20, height - len(lines) - 3)))
    return Group(*lines)


def _best_lines(metric: str, best: BestTrial, width: int) -> list[str]:
    """Return the best trial on one line if it fits, else its configuration on lines of its own, BEST_LINES at most."""
    whole = best_line(metric, best)
    if len(whole) <= width:
        return [whole]
    found = textwrap.wrap(show_config(best.config), max(width - 2, 20), break_long_words=False)
    cut = [*found[: BEST_LINES - 1], " ".join(found[BEST_LINES - 1 :])] if len(found) > BEST_LINES else found
    return [f"best {metric} {show_metric(best.value)}, trial {best.trial_id}:", *(f"  {text}" for text in cut)]


def _headline_with_bar(snapshot: Snapshot, width: int) -> Table:
    words = ", ".join([_progress(snapshot), *_times(snapshot)])
    bar_width = max(5, min(30, width - len(snapshot.name) - len(words) - 2))
    share = snapshot.done / max(1, snapshot.trials)
    if snapshot.epoch_budget is not None:
        share = max(share, min(1.0, snapshot.epochs / snapshot.epoch_budget))
    bar = ProgressBar(total=1.0, completed=share, width=bar_width)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row(_line(Text(snapshot.name, "bold")), bar, _line(Text(words)))
    return table


def _line(text: Text) -> Text:
    """Cut a text to one line, so that the view keeps its height."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _running(snapshot: Snapshot, width: int, room: int) -> list[Text | Table]:
    """Return a row for each running trial; where that would cut configurations and there is room, each on lines."""
    table, screen = _running_table(snapshot, room), as_written(width=1000)
    fits = Measurement.get(screen, screen.options, table).maximum <= width
    lines = [line for trial in snapshot.running for line in _trial_lines(snapshot, trial, width)]
    return [table] if fits or len(lines) > room + 1 else [_line(Text(line)) for line in lines]


def _trial_lines(snapshot: Snapshot, trial: RunningTrial, width: int) -> list[str]:
    value = "" if trial.value is None else f", {snapshot.metric} {show_metric(trial.value)}"
    config = textwrap.wrap(show_config(trial.config), max(width - 2, 20), break_long_words=False)
    value += f", expected {_expected(trial)}" if trial.expected else ""
    head = f"{trial.trial_id}: epoch {_epochs(snapshot, trial)}{value}, {show_seconds(trial.seconds)}"
    return [*textwrap.wrap(head, width, subsequent_indent="  "), *(f"  {text}" for text in config)]


def _epochs(snapshot: Snapshot, trial: RunningTrial) -> str:
    return f"{trial.epochs}/{snapshot.max_epochs}" if snapshot.max_epochs else str(trial.epochs)


def _expected(trial: RunningTrial) -> str:
    """The expected value and its bounds, in few characters."""
    if trial.expected is None:
        return ""
    value, low, high = trial.expected
    return f"{value:.4g} ({low:.4g} to {high:.4g})"


def _running_table(snapshot: Snapshot, rows: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    foresees = any(trial.expected for trial in snapshot.running)
    expected = ("expected at its end",) if foresees else ()
    for heading in ("trial", "epoch", snapshot.metric, *expected, "time", "configuration"):
        # The one column that may wrap is the one that rich makes narrow; its cells are cut instead.
        table.add_column(
            heading, no_wrap=heading != "configuration", min_width=8 if heading == snapshot.metric else None
        )
    for trial in snapshot.running[:rows]:
        value = "" if trial.value is None else show_metric(trial.value)
        config = _line(Text(show_config(trial.config)))
        values = (value, _expected(trial)) if foresees else (value,)
        table.add_row(trial.trial_id, _epochs(snapshot, trial), *values, show_seconds(trial.seconds), config)
    if len(snapshot.running) > rows:
        table.add_row("...", *[""] * (4 if foresees else 3), f"and {len(snapshot.running) - rows} more")
    return table
