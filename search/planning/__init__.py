"""From the command line to a checked plan, before anything starts."""
