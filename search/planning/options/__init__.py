"""What a command line asks for: the options, how they are parsed, how their values are read."""

from search.planning.options.fields import Options
from search.planning.options.parse import HELP, help_of, parse

__all__ = ["HELP", "Options", "help_of", "parse"]
