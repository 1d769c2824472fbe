"""Decides which configuration is tried next, and takes back what a crash left. Only here does search/ use Optuna."""

from search.sampling.journal import Finished
from search.sampling.multi_fidelity import Foreseen
from search.sampling.proposals import Proposal
from search.sampling.samplers import BLIND, ONE_BEHIND
from search.sampling.sampling import Sampling

__all__ = ["BLIND", "ONE_BEHIND", "Finished", "Foreseen", "Proposal", "Sampling"]
