"""How the benchmarks measure: commands in processes of their own, the stations of a search, what is printed."""
