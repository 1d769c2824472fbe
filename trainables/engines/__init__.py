"""What trains a model epoch by epoch: the contract, Keras' own `fit` as one engine, and what every engine needs."""
