"""The errors of a search that its user can mend."""


class SearchError(Exception):
    """One line for the user: what happened, what was expected, what to do. The command ends with exit code 2."""


class StorageLost(SearchError):
    """Results can no longer be written: the search ends, and what was stored before stays."""
