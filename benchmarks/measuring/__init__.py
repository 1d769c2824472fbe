"""How the benchmarks measure: commands in processes of their own, the stages of a search, and what is printed."""
