"""Peers in simulated time, each with its own classes and its documented settings; a module for each library."""
