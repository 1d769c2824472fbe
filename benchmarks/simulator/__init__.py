"""Searches in simulated time, on functions and tables with known learning curves: which finds more in fewer epochs."""
