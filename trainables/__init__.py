"""What one trial does: data, network, training, evaluation."""
