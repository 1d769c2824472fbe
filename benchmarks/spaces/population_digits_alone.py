"""The space of `population_digits.py` without its population, for the systems that it is compared with."""

from benchmarks.spaces.population_digits import space as with_population
from search.space import Space

space = Space(
    trainable=with_population.trainable,
    dataset=with_population.dataset,
    parameters=with_population.parameters,
    fixed=with_population.fixed,
    trials=999,
)
