"""The live view of a search: a few lines that refresh in a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.snapshot import BestTrial, Snapshot

REFRESH_S = 0.25
PLAIN_S = 5.0
"""Seconds between two plain lines, unless the best changed or a trial failed."""


def show_config(config: Mapping[str, object]) -> str:
    """A configuration on one line."""
    return ", ".join(f"{name}={show_value(value)}" for name, value in config.items())


def show_value(value: object) -> str:
    """A value in as few digits as tell it apart."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_seconds(seconds: float) -> str:
    """A time span as a reader says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def headline(snapshot: Snapshot) -> str:
    """Counts and times on one line."""
    parts = [f"{snapshot.done}/{snapshot.trials} trials"]
    if len(snapshot.running):
        parts.append(f"{len(snapshot.running)} running")
    parts += [f"{n} {word}" for n, word in ((snapshot.pruned, "pruned"), (snapshot.failed, "failed")) if n]
    if snapshot.repeats:
        parts.append(f"{snapshot.repeats} repeats")
    parts.append(show_seconds(snapshot.elapsed_s))
    if snapshot.closing:
        parts.append("closing: running trials save and end")
    elif snapshot.left_s is not None and snapshot.done < snapshot.trials:
        parts.append(f"about {show_seconds(snapshot.left_s)} left")
    return ", ".join(parts)


def best_line(metric: str, best: BestTrial) -> str:
    """The best trial on one line."""
    return f"best {metric} {best.value:.4f}, trial {best.trial_id}: {show_config(best.config)}"


class Progress:
    """Shows snapshots; use as a context. `look` is called only when there is something to draw."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._live = Live(console=console, auto_refresh=False, transient=True) if self._in_terminal else None
        self._next = 0.0
        self._line: tuple[object, ...] = ()
        self._failed = 0
        self._events = 0

    @property
    def _in_terminal(self) -> bool:
        return self._console.is_terminal and not self._quiet

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, look: Callable[[], Snapshot]) -> None:
        """Draw the search as it stands, if the last drawing is old enough."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + REFRESH_S
        snapshot = look()
        if self._live is None:
            self._print_lines(snapshot, now)
            return
        self._print_news(snapshot)
        self._live.update(draw(snapshot), refresh=True)

    def _print_news(self, snapshot: Snapshot) -> None:
        """Failures and faults stay on the screen above the live lines."""
        if snapshot.failed > self._failed and snapshot.latest_failure is not None:
            trial_id, error = snapshot.latest_failure
            self._console.print(f"trial {trial_id} failed: {error}", style="red", markup=False, highlight=False)
        self._failed = snapshot.failed
        for event in snapshot.events[self._events :]:
            self._console.print(event, style="yellow", markup=False, highlight=False)
        self._events = len(snapshot.events)

    def _print_lines(self, snapshot: Snapshot, now: float) -> None:
        self._print_news(snapshot)
        best = snapshot.best.trial_id if snapshot.best else None
        line = (snapshot.done, snapshot.repeats, best)
        last_best, last_time = (self._line[2], self._line[3]) if self._line else (None, -PLAIN_S)
        assert isinstance(last_time, float)
        if (best == last_best or now < last_time + 1) and now < last_time + PLAIN_S:
            return
        if self._line and line == self._line[:3] and now < last_time + 6 * PLAIN_S:
            return
        text = headline(snapshot) + (f"; {best_line(snapshot.metric, snapshot.best)}" if snapshot.best else "")
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._line = (*line, now)


def draw(snapshot: Snapshot) -> Group:
    """The live view: a headline with a bar, the best so far, one row for each running trial."""
    bar_width = 30
    filled = round(bar_width * min(1.0, snapshot.done / max(1, snapshot.trials)))
    bar = Text("━" * filled, style="green") + Text("━" * (bar_width - filled), style="grey37")
    lines: list[Text | Table] = [Text.assemble((snapshot.name, "bold"), " ", bar, " ", headline(snapshot))]
    if snapshot.best is not None:
        lines.append(Text(best_line(snapshot.metric, snapshot.best), style="green"))
    if snapshot.running:
        lines.append(_running_table(snapshot))
    return Group(*lines)


def _running_table(snapshot: Snapshot) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("trial", "epoch", snapshot.metric, "time", "configuration"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for trial in snapshot.running[:20]:
        of = f"/{snapshot.max_epochs}" if snapshot.max_epochs else ""
        value = "" if trial.value is None else f"{trial.value:.4f}"
        table.add_row(
            trial.trial_id, f"{trial.epochs}{of}", value, show_seconds(trial.seconds), Text(show_config(trial.config))
        )
    if len(snapshot.running) > 20:
        table.add_row(f"and {len(snapshot.running) - 20} more", "", "", "", "")
    return table
