"""From Enter to the prompt: the stations of a search and of its peers, measured and drawn."""
