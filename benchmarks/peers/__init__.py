"""The same search written for other libraries, each as its own documentation has it; every module is a command."""
