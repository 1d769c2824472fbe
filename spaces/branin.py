"""Where is the minimum of Branin's function, 0.397887?

    python -m search.run spaces/branin.py           # 60 trials, half a minute, no data and no TensorFlow

A closed form with a known optimum: first contact, tests and benchmarks of the search itself.
Last full run: none yet.
"""

from search.space import Float, Space
from trainables.branin import train

space = Space(
    trainable=train,
    parameters={"x1": Float(-5, 10), "x2": Float(0, 15)},
    metric="value",
    mode="min",
    stopping="none",
    trials=60,
)
