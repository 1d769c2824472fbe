"""Which settings of its configuration a trainable reads; what no trial reads is searched without effect, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.experiment.states import TrialState
from search.trial.messages import TrialEnd
from search.wording import near_names

_OF_THE_EPOCH = frozenset({"epoch", "stage", "seconds", "learning_rate", "train_images"})
"""What is reported of an epoch and says nothing of what was learned."""
TOLD_AFTER = 3
"""So many complete trials must have had a setting, and none have read it, before it is told."""


class Config(dict[str, object]):
    """A configuration that notes which of its settings are read, and which are asked for that it does not have.

    Whoever goes through all of them, or copies them into a plain dict, has read all. `copy.copy` and `.copy()` give
    one that notes into the same sets.
    """

    def __init__(self, settings: Mapping[str, object], like: Config | None = None) -> None:
        super().__init__(settings)
        self.read: set[str] = set() if like is None else like.read
        self.missed: set[str] = set() if like is None else like.missed
        self.added: set[str] = set() if like is None else like.added
        """Names that were not there and have been given a value, as KerasTuner does with a default."""

    _holds_hyperparameters = False

    def _note(self, name: object) -> None:
        (self.read if super().__contains__(name) else self.missed).add(str(name))

    def __getitem__(self, name: str) -> object:
        """The setting, which counts as read."""
        self._note(name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: object) -> None:
        """Set it; one that is new is noted where `copy.copy` made this to hold the values of hyperparameters."""
        if self._holds_hyperparameters and not super().__contains__(name):
            self.added.add(name)
        super().__setitem__(name, value)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        self._note(name)
        return super().get(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        self._note(name)
        if not super().__contains__(name):
            self[name] = default
        return super().__getitem__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """As of a dict."""
        self._note(name)
        return super().pop(name, *default)

    def _all(self) -> None:
        self.read.update(super().keys())

    def __iter__(self) -> Iterator[str]:
        """All names, which count as read."""
        self._all()
        return super().__iter__()

    def keys(self) -> Any:
        """As of a dict."""
        self._all()
        return super().keys()

    def values(self) -> Any:
        """As of a dict."""
        self._all()
        return super().values()

    def items(self) -> Any:
        """As of a dict."""
        self._all()
        return super().items()

    def copy(self) -> Config:
        """One that notes into the same sets."""
        return Config(dict(super().items()), like=self)

    def __copy__(self) -> Config:
        """One that notes into the same sets, and also what is new to it: for KerasTuner's hyperparameters."""
        copied = self.copy()
        copied._holds_hyperparameters = True
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, it is a plain dict, read whole."""
        self._all()
        return dict, (dict(super().items()),)


class Unread:
    """Takes the ends of trials; only complete ones have read all that they will."""

    def __init__(self, then: str = "its default is kept") -> None:
        """`then`: what becomes of a hyperparameter that shows while the search runs."""
        self._then = then
        self._had: dict[str, int] = {}
        self._read: set[str] = set()
        self._missed: set[str] = set()
        self._told: set[str] = set()

    def take(self, settings: Mapping[str, object], end: TrialEnd) -> list[str]:
        """Lines to tell now, each once."""
        if end.state is not TrialState.COMPLETE or end.unread is None:
            return []
        self._missed.update(end.missed)
        unknown = [name for name in end.added if name not in self._told]
        self._told.update(unknown)
        for name in settings:
            self._had[name] = self._had.get(name, 0) + 1
            if name not in end.unread:
                self._read.add(name)
        new = [name for name in self._names(TOLD_AFTER) if name not in self._told]
        self._told.update(new)
        found = [f"the model asks for {name!r}, which no build before the search did: {self._then}" for name in unknown]
        return [*found, *(self._line(name) for name in new)]

    def lines(self) -> list[str]:
        """What is so at the end of the search, however few its trials."""
        return [self._line(name) for name in self._names(1)]

    def _names(self, least: int) -> list[str]:
        return [name for name, count in self._had.items() if count >= least and name not in self._read]

    def _line(self, name: str) -> str:
        count = self._had[name]
        trials = "the only trial that had it did not read it" if count == 1 else f"none of the {count} trials read it"
        near = near_names(name, {*self._read, *self._missed} - {name})
        hint = f" They read {' and '.join(map(repr, near))}." if near else ""
        return f"setting {name!r} has no effect: {trials}.{hint}"


class Alike:
    """Takes complete trials of one seed; two that report the same to the last digit have trained the same.

    So a setting without effect is told also where a trainable goes through its whole configuration, which then counts
    as read.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[object, ...], tuple[str, dict[str, object]]] = {}
        self._told: dict[frozenset[str], str] = {}

    def take(self, trial_id: str, config: Mapping[str, object], epochs: Sequence[Mapping[str, float]]) -> list[str]:
        """Lines to tell now: which trials are alike, and in what they differ; each difference once."""
        values = [(name, value) for one in epochs for name, value in one.items() if name not in _OF_THE_EPOCH]
        if len({value for _, value in values if value % 1 != 0}) < _FRACTIONS:
            return []  # Counts, and scores of few trials, may well be equal.
        other, other_config = self._first.setdefault((len(epochs), *values), (trial_id, dict(config)))
        names = {*config, *other_config}
        differ = frozenset(name for name in names if config.get(name, self) != other_config.get(name, self))
        if not differ or differ in self._told:
            return []
        has = "it has" if len(differ) == 1 else "they have"
        self._told[differ] = (
            f"trials {other} and {trial_id} differ in {' and '.join(sorted(differ))} only, and trained the same to the "
            f"last digit: {has} no effect there."
        )
        return [self._told[differ]]

    def lines(self) -> list[str]:
        """What was told so far."""
        return list(self._told.values())


_FRACTIONS = 3
"""So many different values that are no whole numbers make it sure that two trials are alike by no chance."""
