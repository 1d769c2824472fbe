"""Searches in simulated time, on functions and tables with known learning curves: who finds more in fewer epochs."""
