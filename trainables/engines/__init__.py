"""What trains a model epoch by epoch: the contract, the engine that calls Keras' `fit`, and what every engine uses."""
