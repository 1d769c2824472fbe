"""Which network and which rate do 1,000 images of MNIST need? What `benchmarks.real` has every system search.

python -m search.run benchmarks/spaces/real_mnist.py   # 100 configurations of up to 9 epochs
"""

import dataclasses

from benchmarks.spaces import real_digits

space = dataclasses.replace(
    real_digits.space,
    dataset="mnist",
    fixed={
        "network": "two_conv",
        "batch_norm": "none",
        "epochs": 9,
        "batch_size": 32,
        "sample_size": 1000,
        "evaluation_size": 2000,
    },
)
