"""The errors of a search that its user can mend."""


class SearchError(Exception):
    """One line for the user: what happened, what was expected, what to do. The command ends with exit code 2."""


class NothingSucceeded(SearchError):
    """A search that was run has no result, or was ended as broken; a command ends with exit code 1."""


def is_pruning(error: BaseException) -> bool:
    """Whether it is Optuna's TrialPruned, told without importing Optuna."""
    return any(kind.__name__ == "TrialPruned" and kind.__module__.startswith("optuna") for kind in type(error).__mro__)


class StorageLost(SearchError):
    """Results can no longer be written: the search ends, and what was stored before stays."""
