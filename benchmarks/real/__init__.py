"""Real training at equal wall clock on two cores: this system and its peers, each as its own documentation has it."""
