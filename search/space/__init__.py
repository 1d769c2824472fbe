"""What is searched: a `Space` and its parameters, frozen values that need the standard library only."""

from search.space.definition import (
    SAMPLERS,
    STOPPING_RULES,
    Config,
    Space,
)
from search.space.parameters import Choice, Float, Int, Parameter, with_conditions
from search.space.values import fingerprint, same

__all__ = [
    "SAMPLERS",
    "STOPPING_RULES",
    "Choice",
    "Config",
    "Float",
    "Int",
    "Parameter",
    "Space",
    "fingerprint",
    "same",
    "with_conditions",
]
