"""When a trial stops: plain values in, a decision out. No Ray, no Optuna, no clock."""

from search.stopping.decision import Decision, Mode, StoppingRule
from search.stopping.expectation import PROPOSED_BY_MODEL, expect
from search.stopping.intervals import Intervals
from search.stopping.rules import make_rule

__all__ = ["PROPOSED_BY_MODEL", "Decision", "Intervals", "Mode", "StoppingRule", "expect", "make_rule"]
