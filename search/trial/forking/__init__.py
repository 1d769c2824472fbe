"""Training processes that are forked from one that has imported what every trial needs."""
