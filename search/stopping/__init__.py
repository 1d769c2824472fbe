"""When a trial stops: plain values in, a decision out. No Ray, no Optuna, no clock."""

from search.stopping.decision import Decision, Mode, StoppingRule
from search.stopping.expectation import expect
from search.stopping.intervals import Intervals
from search.stopping.rules import make_rule

__all__ = ["Decision", "Intervals", "Mode", "StoppingRule", "expect", "make_rule"]
