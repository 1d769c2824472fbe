"""Trainables, which do the work of one trial: they load data, build a network, train it and evaluate it."""
