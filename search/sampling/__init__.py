"""Decides which configuration is tried next, and takes back what a crash left. Only here does search/ use Optuna."""

from search.sampling.journal import Finished
from search.sampling.multi_fidelity import Foreseen
from search.sampling.proposals import Proposal
from search.sampling.samplers import DELAY_TOLERANT, NON_ADAPTIVE
from search.sampling.sampling import Sampling

__all__ = ["DELAY_TOLERANT", "NON_ADAPTIVE", "Finished", "Foreseen", "Proposal", "Sampling"]
