"""The same search written for other libraries, as their own documentation has it; every module is a command."""
