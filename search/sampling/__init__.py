"""Which configuration is tried next: ask, tell, and reap what a crash left. The only part of search/ with Optuna."""

from search.sampling.sampling import Finished, Proposal, Sampling

__all__ = ["Finished", "Proposal", "Sampling"]
