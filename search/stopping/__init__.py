"""When a trial stops: plain values in, a decision out. No Ray, no Optuna, no clock."""

from search.stopping.expectation import expect
from search.stopping.rules import Decision, Mode, StoppingRule, make_rule

__all__ = ["Decision", "Mode", "StoppingRule", "expect", "make_rule"]
