"""What a person sees of a search: the dry run, the live view, the summary, the list of experiments."""
