"""A cluster of this machine alone, which is started with the search and ends with it: no daemon that nobody asks."""
